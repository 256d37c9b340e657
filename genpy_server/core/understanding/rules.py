"""What is written by hand about intents: rules of high precision, and families of words.

A rule that matches overrides the linear model. It stays only while it is right on at least 19 of
20 training messages that it matches (`benchmarks/understanding.py` prints the counts). Patterns
run in linear time: no nested repetition, bounded gaps. A family groups words that speak for the
same intent, so that a word the model was never trained on still counts.
"""

import re
from typing import NamedTuple

SUPPORT, CODE, TUTORIAL, CASUAL = (
    "technical_support",
    "code_assistant",
    "tutorial",
    "casual_chat",
)
_ARTIFACT = r"(?:function|regex|endpoint|decorator|unit tests?|dockerfile)"
_NAMED = r"(?:python|javascript|typescript|kotlin|golang|php|bash|sql|c\+\+|c#|django|flask|pandas)"
"""Languages whose name is hardly anything else in a sentence about code or about daily life."""
_LANGUAGE = rf"(?:{_NAMED}|rust|java|swift|go|ruby|react|shell|powershell)"
_CODE = rf"(?:{_ARTIFACT}|code|class|script|method|quer(?:y|ies)|component|one-liner|snippet)"
"""What is code behind the name of a language: a class may be one of yoga, a script a film's."""


class Rule(NamedTuple):
    """A pattern that speaks for an intent; `example` is a message that it fires on."""

    intent: str
    why: str
    pattern: re.Pattern[str]
    example: str


def _rule(intent: str, why: str, pattern: str, example: str) -> Rule:
    return Rule(intent, why, re.compile(pattern, re.IGNORECASE | re.MULTILINE), example)


RULES = (
    _rule(
        SUPPORT,
        "shows a traceback",
        r"traceback \(most recent call last\):\W{1,20}file\b|^exception in thread|^panic: |^npm err!|^fatal: ",
        'Traceback (most recent call last):\n  File "app.py", line 3, in <module>',
    ),
    _rule(
        SUPPORT,
        "shows a logged error",
        r"^[\[\d][\d:., t\]z-]{7,40}(?:error|fatal|critical)\b",
        "2024-05-01 12:00:01 ERROR db - connection reset",
    ),
    _rule(
        SUPPORT,
        "says that it still fails",
        r"(?:\A|[,.;:] ?|\b(?:it|and|but|nope) )still (?:nothing|fails|broken|crash(?:es|ing)|not working|doesn'?t work|no (?:sound|picture|luck|internet))\W*\Z",
        "rebooted, still nothing",
    ),
    _rule(
        TUTORIAL,
        "wants the idea, not code",
        r"\b(?:don'?t|do not) (?:need|want) (?:any )?(?:code|a script)\b.{0,40}\b(?:idea|concept|theory|explain|explanation|understand|know|tell me (?:how|why|what))\b|^(?:no code(?: please)?|without (?:any )?code)[,:]",
        "I don't need code, just the idea",
    ),
    _rule(
        CODE,
        "wants code, not an explanation",
        rf"\b(?:no need to explain|don'?t explain|no explanations?|skip the theory)\b.{{0,30}}\b{_CODE}\b",
        "no need to explain, only the regex",
    ),
    _rule(
        CODE,
        "asks for code to be written",
        rf"^(?:please |can you |could you |now )?(?:write|implement|generate|create) (?:me )?(?:an? |the |some )?(?:[\w#+-]+ ){{0,2}}(?:(?:[\w#+-]+ )?{_ARTIFACT}|{_LANGUAGE} {_CODE})\b",
        "Write a Jest unit test",
    ),
    _rule(
        CODE,
        "asks how to do it in a language",
        rf"^how (?:do|can|would|to) (?:(?:i|you|we) )?(?!.{{0,80}}\b(?:work|differ)s?\b)[a-z].{{2,80}}\b(?:in|with|using) {_NAMED}\W*$",
        "How do I format a date in PHP?",
    ),
    _rule(
        TUTORIAL,
        "asks for a difference",
        r"\bwhat(?:['\u2019]?s| is| are) the differences? between (?!.{0,80}\b(?:my|mine|your|yours|you|ours?)\b)",
        "What's the difference between RAM and ROM?",
    ),
    _rule(
        CASUAL,
        "greets or thanks, and no more",
        r"\A\W*(?:hi|hello|hey|thanks?|thank you|cheers|good (?:morning|evening|night)|bye|ok|okay|cool|great|nice|perfect|lol|haha|no (?:problem|worries)|you'?re welcome|never ?mind|all good)(?:[ ,!.]+(?:there|again|you|so much|a lot|all|everyone|mate|friend|bye|thanks|thank you|ok|okay|hello))?\W*\Z",
        "hello there!",
    ),
)

FOLLOW_UP = re.compile(
    r"\W*(?:(?:but |and )?(?:why|how so|how come|really)(?: not| so| that)?"
    r"|(?:and|or|now|same|what about|how about)(?: \w+){0,4} (?:in|for|with) [\w#+. ]{1,20}"
    r"|(?:and |but )?which(?: \w+)?|(?:and |but )?(?:where|which)(?: \w+){0,4} (?:that|this|it|one|them|those)(?: \w+)?"
    r"|(?:and |but )?how (?:do|can|would|should) (?:i|we) \w+ (?:that|this|it|them)"
    r"|(?:and|again|go on|continue|more|next|another(?: one)?|one more|the other one|what else|anything else)(?: please)?)\W*",
    re.IGNORECASE,
)
"""A message that means nothing without the one before."""
_SAID = (
    r"(?:yes|yeah|yep|yup|no|nope|nah|sure|done|still|same|maybe|please|both|neither|dunno|not (?:sure|yet)|no idea"
    r"|go on|(?:the )?same as before|no change|the (?:first|second|third|last|other|left|right)(?: one| option)?|(?:go ahead|(?:ok(?:ay)? )?(?:do|try) (?:it|that|so)|go for it)"
    r"|i (?:do|did|have|can)(?:n['\u2019]?t| not)?(?: know| think so)?|i (?:think|guess|hope) so"
    r"|(?:i )?(?:already )?(?:did|tried|done|have) (?:that|it|this|both)(?: already| too)?|it (?:is|does|did|has|was)(?:n['\u2019]?t| not)?)"
)
ANSWER = re.compile(
    rf"\W*(?:(?:ok|okay|and|but|hm+|oh|ah|um) ?\W{{0,2}})?{_SAID}(?:\W{{1,3}}{_SAID})?(?:\W{{1,3}}{_SAID})?\W*",
    re.IGNORECASE,
)
"""What only answers a question."""
GOES_ON = re.compile(
    r"\W*(?:and|but|so|or|now|then|also|what about|how about|instead)\b", re.IGNORECASE
)
WISHES = re.compile(
    r"\W*(?:(?:hi+|hello|he+y+|hiya|dear|good (?:morning|afternoon|evening|day))\b(?: \w+){0,2}[\s,!.-]{1,4})?"
    r"(?:(?:and )?(?:i )?(?:do )?(?:hope|trust|wish)\b (?:that )?(?:you|u|ur|all|everyone|everything|i'?m not|i am not|this|your (?:day|week|weekend|year|morning|evening))\b[^.!?,:;\n]{0,60}"
    r"|(?:happy|merry) \w+|sorry (?:to|for|about) (?:bother|disturb|troubl|the)[^.!?,:;\n]{0,60})(?:[.!?,:;)]{1,4}|\n)\s*",
    re.IGNORECASE,
)
"""A greeting with good wishes, as stands before what a message is about."""

_FAMILIES = {
    "language": "python javascript typescript java kotlin swift rust go golang ruby php perl scala haskell elixir clojure c c++ c# js ts sql bash powershell lua r julia matlab dart html css scss zig cobol fortran pascal prolog lisp erlang awk sed jq vba solidity",
    "framework": "react vue angular svelte django flask fastapi rails laravel express spring nextjs next.js node nodejs node.js jquery bootstrap tailwind flutter pandas numpy pytorch tensorflow keras sklearn scikit-learn matplotlib selenium pytest junit jest cypress hibernate sqlalchemy symfony unity godot qt tkinter pygame axios boto3 pillow",
    "infra": "docker kubernetes k8s helm terraform ansible nginx apache redis postgres postgresql mysql mariadb mongo mongodb sqlite kafka rabbitmq elasticsearch aws azure gcp s3 lambda ec2 jenkins gitlab github git linux ubuntu debian fedora cron systemd ssh vpn dns ssl tls grafana prometheus heroku vercel firebase supabase tomcat npm yarn pip conda maven gradle webpack vite cargo brew apt",
    "artifact": "function method class script program code snippet query regex loop component endpoint api decorator module package template dockerfile makefile playbook workflow pipeline migration schema table index parser bot crawler scraper app website page form button modal navbar widget hook middleware route handler test tests one-liner oneliner command formula macro interface struct enum constructor variable docstring type types cli plugin extension shader sketch contract game calculator generator iterator generators wrapper helper array list dict dictionary string json csv xml yaml",
    "make": "write create make build generate implement code program develop design add convert translate port refactor rewrite optimise optimize simplify shorten rename extract replace turn transform change improve review format sort reverse merge split parse group filter count flatten validate print read scrape plot draw resize automate configure wire hook migrate extend complete finish fill give need swap remove inline move",
    "explain": "explain understand explanation teach learn learning describe define clarify meaning concept concepts theory idea principle principles intuition analogy difference differences overview introduction intro basics fundamentals tutorial lesson course purpose advantages disadvantages pros cons compare contrast summarise summarize roadmap syllabus curious wonder beginner beginners mean means versus vs history background mechanism",
    "asks": "what what's whats how why when which who where whose",
    "fail": "error errors fails failed failing fail crash crashes crashed crashing broken breaks broke freezes frozen froze freezing hangs hung stuck stops stopped stutters flickers flickering lags laggy refuses refused rejected rejects denied timeout timed dead dies died disconnects disconnected drops dropped dropping missing vanished vanishes disappeared disappears lost corrupted corrupt garbage blank black slow wrong unreachable offline down unable invalid exception traceback undefined null nan none panic segfault segmentation fatal warning unexpected aborted exited killed duplicate duplicated duplicates twice overheats overheating leaks leaking glitch glitches glitchy issue problem problems trouble bug buggy weird strange nothing gibberish blurry locked expired bounced bounces empty loops looping reboots rebooting restarts restarting shuts",
    "state": "still again suddenly anymore longer since yesterday always sometimes every whenever keeps kept after until constantly randomly already",
    "negation": "not no won't doesn't don't can't cannot isn't aren't didn't couldn't wouldn't hasn't haven't wasn't never nothing nobody without wont doesnt dont cant isnt didnt",
    "device": "laptop computer pc mac macbook phone iphone ipad android tablet printer scanner monitor screen display keyboard mouse touchpad trackpad headphones headset earbuds speaker speakers microphone mic webcam camera router modem wifi wi-fi internet bluetooth usb hdmi drive disk ssd nas tv television remote console xbox playstation ps5 switch controller watch smartwatch kindle charger battery cable fan gpu cpu ram raspberry arduino esp32 drone thermostat doorbell vacuum projector server website site database desktop network",
    "product": "windows macos ios chrome firefox safari edge outlook gmail teams zoom slack excel word powerpoint office photoshop premiere blender obs steam spotify netflix youtube whatsapp instagram facebook discord telegram onedrive dropbox icloud alexa siri minecraft roblox wordpress woocommerce shopify app account login password installer update driver",
    "fix": "fix solve repair troubleshoot resolve debug diagnose help restore recover unfreeze",
    "theory": "recursion polymorphism inheritance encapsulation closure closures monad monads pointer pointers algorithm algorithms complexity mutex semaphore deadlock thread threads process compiler interpreter kernel protocol tcp udp http https rest graphql soap oauth jwt encryption hashing hash blockchain bitcoin neural network networks machine ai transformer gradient statistics probability entropy calculus algebra photosynthesis gravity quantum relativity evolution inflation economy physics chemistry biology philosophy grammar revolution microservices container containers virtualization caching concurrency parallelism async memoization idempotency normalization transactions consistency consensus architecture pattern patterns orm mvc solid oop scheduler garbage",
    "life": "mum mom dad mother father brother sister son daughter kids children wife husband girlfriend boyfriend grandma grandpa grandmother grandfather aunt uncle cousin neighbour neighbor friend friends family baby dog cat puppy kitten hamster parents boss colleague flatmate roommate birthday wedding party christmas easter holiday holidays vacation weekend dinner lunch breakfast coffee tea beer wine pizza cake cookies soup chocolate recipe cook cooking bake baked garden beach mountains weather rain snow sunny cold hot music song songs concert movie film films series book books novel football match team gym yoga hiking swimming dancing guitar piano painting poem joke riddle story gift present love date kiss hug sleep tired bored lonely happy sad excited proud nervous life heart trip travel train bus bike car flat house kitchen apartment restaurant bar pub marriage relationship friendship diet speech toast invitation neighbours roommate boyfriend homesick",
    "greet": "hi hello hey hiya howdy yo greetings morning evening afternoon bye goodbye goodnight cheers thanks thank thx ty welcome congrats congratulations merry",
    "agree": "ok okay yes yeah yep no nope nah sure cool nice great awesome lol haha hahaha hehe wow yay perfect lovely wonderful brilliant amazing sweet excellent fine alright",
    "works": "works worked solved fixed gone resolved sorted passes",
    "you": "you your you're yours yourself",
    "me": "i i'm i've i'd my me mine we we're our us",
    "taste": "favourite favorite like prefer rather think opinion believe funny laugh enjoy feel feeling feels hope wish miss hate",
    "more": "and so then now also instead same another other more else shorter simpler",
}  # fmt: skip
_CUES = {
    "fail": "报错 错误 失败 崩溃 死机 黑屏 坏了 卡住 没反应 没声音 エラー クラッシュ フリーズ 失敗 動かな 動きません 落ちる 오류 에러 고장",
    "negation": "无法 不能 不了 不上 没有 しません できません できない しない ません ない 안",
    "fix": "怎么办 解决 修复 修理 どうすれば 直す 直して 困って",
    "make": "写一个 写个 写一 帮我写 生成 实现 转换 优化 重构 排序 書いて 作成 作って 実装 変換 ソート 작성",
    "artifact": "代码 函数 脚本 程序 正则 数组 列表 字典 组件 接口 コード 関数 スクリプト プログラム 正規表現 配列 辞書 リスト 코드 함수",
    "explain": "解释 区别 原理 介绍 意思 理解 说明 説明 違い 仕組み 意味 使い方 教えて 설명",
    "asks": "什么 为什么 怎么 怎样 如何 とは 何です なぜ どうやって 方法 뭐",
    "device": "电脑 手机 打印机 键盘 屏幕 耳机 网络 パソコン スマホ プリンター 画面 アプリ 컴퓨터",
    "greet": "你好 谢谢 早上好 晚安 再见 こんにちは ありがとう おはよう 안녕 고마워",
    "works": "好了 解决了 直りました",
    "me": "我的 我 私",
    "you": "你",
}  # fmt: skip
FAMILY_OF = {word: name for name, words in _FAMILIES.items() for word in words.split()}
"""The family of each word; the last family that lists it wins."""
CUE_OF = {word: name for name, words in _CUES.items() for word in words.split()}
"""The same for scripts without spaces between words, found inside a run of characters."""
FAMILY_OF |= CUE_OF
