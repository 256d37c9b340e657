"""What is written by hand about intents: rules of high precision, and families of words.

A rule that matches overrides the linear model. It stays only while it is right on at least 19 of
20 training messages that it matches (`benchmarks/understanding.py` prints the counts). Patterns
run in linear time: no nested repetition, bounded gaps. A family groups words that speak for the
same intent, so that a word the model was never trained on still counts.
"""

import re
import unicodedata
from typing import NamedTuple

from genpy_server.core.patterns import LazyPattern

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


_FOLDED = dict.fromkeys(
    [*range(0x300, 0x370), *range(0x64B, 0x660), 0x640, 0x670, 0x93C], None
) | str.maketrans(
    "\u0649\u0629\u0901\u2019\u2018\u201c\u201d\u3001\u3002\u060c\u061f",
    "\u064a\u0647\u0902''\"\",.,?",
)


def folded(text: str) -> str:
    """Lower case without accents, vowel points and width variants, as hurried writers leave them."""
    low = text.lower()
    if low.isascii():
        return low
    bare = unicodedata.normalize("NFKD", low).translate(_FOLDED)
    return unicodedata.normalize("NFC", bare)


class Rule(NamedTuple):
    """A pattern that speaks for an intent; `example` is a message that it fires on.

    One of the `needed` words stands in every text that it fires on, in lower case: looking for
    them takes a tenth of the time.
    """

    intent: str
    why: str
    needed: tuple[str, ...]
    pattern: LazyPattern
    example: str


def _rule(intent: str, why: str, needed: str, pattern: str, example: str) -> Rule:
    compiled = LazyPattern(pattern, re.IGNORECASE | re.MULTILINE)
    return Rule(intent, why, tuple(needed.split("|")), compiled, example)


RULES = (
    _rule(
        SUPPORT,
        "shows a traceback",
        "traceback (|exception in|panic: |npm err!|fatal: ",
        r"traceback \(most recent call last\):\W{1,20}file\b|^exception in thread|^panic: |^npm err!|^fatal: ",
        'Traceback (most recent call last):\n  File "app.py", line 3, in <module>',
    ),
    _rule(
        SUPPORT,
        "shows a logged error",
        "error|fatal|critical",
        r"^[\[\d][\d:., t\]z-]{7,40}(?:error|fatal|critical)\b",
        "2024-05-01 12:00:01 ERROR db - connection reset",
    ),
    _rule(
        SUPPORT,
        "says that it still fails",
        "still",
        r"(?:\A|[,.;:] ?|\b(?:it|and|but|nope) )still (?:nothing|fails|broken|crash(?:es|ing)|not working|doesn'?t work|no (?:sound|picture|luck|internet))\W*\Z",
        "rebooted, still nothing",
    ),
    _rule(
        TUTORIAL,
        "wants the idea, not code",
        "don|do not|code",
        r"\b(?:don'?t|do not) (?:need|want) (?:any )?(?:code|a script)\b.{0,40}\b(?:idea|concept|theory|explain|explanation|understand|know|tell me (?:how|why|what))\b|^(?:no code(?: please)?|without (?:any )?code)[,:]",
        "I don't need code, just the idea",
    ),
    _rule(
        CODE,
        "wants code, not an explanation",
        "explain|explanation|theory",
        rf"\b(?:no need to explain|don'?t explain|no explanations?|skip the theory)\b.{{0,30}}\b{_CODE}\b",
        "no need to explain, only the regex",
    ),
    _rule(
        CODE,
        "asks for code to be written",
        "write|implement|generate|create",
        rf"^(?:please |can you |could you |now )?(?:write|implement|generate|create) (?:me )?(?:an? |the |some )?(?:[\w#+-]+ ){{0,2}}(?:(?:[\w#+-]+ )?{_ARTIFACT}|{_LANGUAGE} {_CODE})\b",
        "Write a Jest unit test",
    ),
    _rule(
        CODE,
        "asks how to do it in a language",
        "how ",
        rf"^how (?:do|can|would|to) (?:(?:i|you|we) )?(?!.{{0,80}}\b(?:work|differ)s?\b)[a-z].{{2,80}}\b(?:in|with|using) {_NAMED}\W*$",
        "How do I format a date in PHP?",
    ),
    _rule(
        TUTORIAL,
        "asks how it works",
        "how ",
        rf"^how (?:do|does|did) (?:(?!(?:i|you|we|my|your|our|this|that|it|they|not)\b)[\w'-]+ ){{1,4}}work(?: (?:in|with) {_NAMED})?\W*$",
        "How do decorators work in Python?",
    ),
    _rule(
        TUTORIAL,
        "asks for a difference",
        "difference",
        r"\bwhat(?:['\u2019]?s| is| are) the differences? between (?!.{0,80}\b(?:my|mine|your|yours|you|ours?)\b)",
        "What's the difference between RAM and ROM?",
    ),
    _rule(
        CASUAL,
        "greets or thanks, and no more",
        "",
        r"\A\W*(?:hi|hello|hey|thanks?|thank you|cheers|good (?:morning|evening|night)|bye|ok|okay|cool|great|nice|perfect|lol|haha|no (?:problem|worries)|you'?re welcome|never ?mind|all good)(?:[ ,!.]+(?:there|again|you|so much|a lot|all|everyone|mate|friend|bye|thanks|thank you|ok|okay|hello))?\W*\Z",
        "hello there!",
    ),
)

FOLLOW_UP = LazyPattern(
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
ANSWER = LazyPattern(
    rf"\W*(?:(?:ok|okay|and|but|hm+|oh|ah|um) ?\W{{0,2}})?{_SAID}(?:\W{{1,3}}{_SAID})?(?:\W{{1,3}}{_SAID})?\W*",
    re.IGNORECASE,
)
"""What only answers a question."""
GOES_ON = LazyPattern(
    r"\W*(?:and|but|so|or|now|then|also|what about|how about|instead)\b", re.IGNORECASE
)
REFERS = LazyPattern(
    r"\b(?:it|its|that|this|them|those|these|ones?|instead|again|same|too|shorter|longer|above|the (?:last|first|second|other))\b",
    re.IGNORECASE,
)
"""Points at what was said before."""
WISHES = LazyPattern(
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
_STEMS = {
    "fail": "fehler error- erreur erro- ошибк- خطا मुश्किल kaputt abstur- stürzt- hängt bricht klemmt streikt ruckelt flackert rauscht bleibt panne- plante- bug bugs bloqu- fige- rame coupe saute casse- congela- cierra- falla- fallo- rompi- cuelga- apaga- pete peta trava- travou quebr- desliga- cai caiu falha- some sumi- вылета- завис- падает упал- сломал- тормоз- глюч- отвали- пропал- зависа- висит يتجمد يغلق ينطفئ يفشل فشل تعطل معطل- يعلق علق- ينقطع يتقطع بطيء مشكله خراب खराब अटक- बंद धीमा धीमी क्रैश एरर फेल हैंग गलत टूट- गायब nahi nhi hang crash- dikkat",
    "negation": "nicht kein- nie nichts ohne pas plus aucun- jamais rien sans no nunca nada ningun- tampoco sin não nao nem nenhum- sem não не нет ни ничего никак- без нельзя لا لم ليس ما غير لن بدون नहीं नही मत बिना na",
    "state": "immer noch wieder seit plötzlich ständig mehr trotzdem obwohl toujours encore depuis soudain siempre todavía desde sigue aunque ainda desde sempre mesmo embora опять снова всё ещё после постоянно хотя منذ دائما مازال बार फिर अभी जबकि हमेशा baar phir",
    "fix": "beheben reparier- lösen hilfe réparer résoudre dépanner aide- arregla- repara- soluciona- ayuda- conserta- arruma- resolve- ajuda- почини- исправ- помог- решить اصلح حل ساعد- ठीक सुधार- मदद theek",
    "make": "schreib- erstell- bau baue mach- generier- programmier- implementier- konvertier- wandle- übersetz- ergänz- füge refaktor- optimier- entwickl- écris écri- fais crée- génér- programm- ajoute- convert- transforme- développ- code refactor- rédige- escrib- haz hazme crea- gener- desarroll- añad- agreg- conviert- optimiz- programa- escrev- faz faça cria- coloca- adicion- desenvolv- напиш- сдела- созда- сгенер- перепиш- добав- преврат- реализ- оптимиз- разработ- اكتب اصنع برمج حول اضف طور انشئ اعمل نفذ लिखो लिखें लिखिए बनाओ बनाए- बना बदलो जोड़ो likho banao karo likh bana",
    "artifact": "funktion- skript- klasse schleife abfrage programm- formel makro quelltext regulär- komponente methode fonction- classe boucle requête formule macro script- función funcion- clase bucle consulta fórmula método componente expresión função classe laço fórmula функц- скрипт- класс- цикл- запрос- формул- макрос- код- регуляр- метод- компонент- دال- كود سكربت برنامج صنف حلقه استعلام معادل- مصفوف- مكون फ़ंक्शन फंक्शन कोड स्क्रिप्ट प्रोग्राम क्लास लूप क्वेरी फ़ॉर्मूला मैक्रो",
    "explain": "erklär- erkläre unterschied- bedeut- verstehe- versteh- grundlagen funktioniert überblick vorteile nachteile vergleich- lernen lernplan einführung expliqu- différence- compren- signifi- fonctionne avantages inconvénients apprendre apprends bases introduction principe explica- explíca- diferencia- significa- funciona- entiend- aprender ventajas desventajas enséña- introducción básico diferença- explique entend- vantagens desvantagens ensina- ensine aprend- объясн- разниц- отлича- означа- значит устро- работает понима- понять плюсы минусы основы введение научи- выучить расска- обьясн- اشرح شرح الفرق معنى يعني تعني افهم مزايا عيوب اساسيات علم- اتعلم مقدمه قارن صف समझा- समझना अंतर फर्क मतलब अर्थ सीख- सिखा- फायदे नुकसान परिचय samjha- samjhao matlab antar farak sikh- seekh-",
    "asks": "wie warum wieso weshalb wann wer wo welche- wozu wofür quoi que quel- comment pourquoi quand qui où est-ce qu'est-ce qué cómo cuál- cuándo quién dónde cuánt- como qual quais quando quem onde quant- por porquê что как почему зачем когда кто где какой какая какие сколько чем чего ما ماذا كيف لماذا متى من اين كم هل ماهو  क्या कैसे क्यों कब कौन कहाँ कितन- किस kya kaise kyu kyun kab kaun kaha kitna kitne",
    "device": "rechner computer laptop- handy drucker bildschirm maus tastatur fernseher kopfhörer mikrofon festplatte netzteil akku wlan internet router- ordinateur- portable téléphone imprimante écran souris clavier télé écouteurs micro disque batterie wifi box ordenador portátil móvil celular impresora pantalla ratón teclado auriculares micrófono disco batería notebook computador impressora tela teclado fone- microfone roteador ноутбук- компьютер- комп телефон- принтер- экран- мыш- клавиатур- наушник- микрофон- диск- вайфай- роутер- телевизор- حاسوب كمبيوتر- لابتوب هاتف- جوال- طابع- شاش- سماع- ميكروفون قرص راوتر تلفاز कंप्यूटर लैपटॉप फ़ोन फोन मोबाइल प्रिंटर स्क्रीन माउस कीबोर्ड ईयरफ़ोन माइक राउटर टीवी वाईफाई",
    "product": "anwendung webseite konto passwort aktualisierung update- appli- compte cuenta contraseña aplicación actualización página aplicativo conta senha atualização приложени- аккаунт- парол- обновлени- сайт- программ- почт- تطبيق- حساب- تحديث موقع- ऐप खाता पासवर्ड अपडेट साइट वेबसाइट",
    "life": "mutter mama papa vater oma opa bruder schwester sohn tochter kind- mann frau freund- katze hund geburtstag hochzeit urlaub weihnachten essen kochen kuchen rezept film buch musik liebe wetter regen chef kollege mère père maman mamie papi frère soeur fils fille enfant- mari femme ami amie amis chat chien anniversaire mariage vacances noël dîner cuisine- gâteau recette livre musique amour pluie patron collègue madre padre mamá papá abuel- herman- hijo hija niños esposa marido novi- amig- gato perro cumpleaños boda vacaciones navidad cena cocina- receta libro música amor lluvia jefe mãe pai vó avó irmã- filh- marido esposa namorad- cachorro aniversário casamento férias natal jantar cozinhar receita livro amor chuva chefe мам- пап- бабуш- дедуш- брат- сестр- сын- доч- дет- муж- жен- друг подруг- кот- собак- свадьб- отпуск рождеств- ужин- рецепт- фильм- книг- музык- любов- дожд- начальник- امي ابي اخي اختي ابني ابنت- زوج- صديق- قط- كلب عيد زفاف سفر طبخ عشاء وصف- فيلم كتاب حب مطر مدير- माँ पापा दादी दादा भाई बहन बेटा बेटी बच्च- पति पत्नी दोस्त सहेली बिल्ली कुत्ता जन्मदिन शादी छुट्टी खाना रेसिपी फिल्म किताब गाना प्यार बारिश बॉस maa papa bhai dost gf birthday shaadi khana movie",
    "greet": "hallo moin servus guten tschüss danke gute liebe salut bonjour bonsoir coucou merci bisous hola buenas gracias besos adiós oi olá bom boa valeu obrigad- beijos привет- здравств- спасибо спокойной пока добр- مرحبا هلا السلام شكرا صباح مساء नमस्ते नमस्कार हेलो धन्यवाद शुक्रिया शुभ shukriya namaste",
    "writing": "brief aufsatz gedicht geschichte bewerbung anschreiben rede märchen einladung slogan lettre dissertation poème histoire discours conte chanson paroles résumé slogan mail carta ensayo poema cuento discurso canción letra correo resumen redação poema história discurso música legenda письм- сочинени- стих- рассказ- сказк- реч- поздравлени- эссе песн- резюме رساله مقال- قصيد- قصه خطاب كلمه تهنئ- تلخيص लخص لخص ترجم निबंध कविता कहानी पत्र भाषण गीत सार अनुवाद essay letter poem shayari story caption speech email lyrics resume cv biography article blog novel paragraph script screenplay haiku sonnet rap slogan headline headlines title tagline review caption captions invitation eulogy toast",
    "works": "geht läuft gelöst behoben erledigt réglé résolu arreglado solucionado resuelto resolvi resolvido consertado починил решил- заработал- انحلت زال हल",
}  # fmt: skip
_CUES = {
    "fail": "报错 错误 失败 崩溃 死机 黑屏 坏了 卡住 卡死 闪退 乱码 超时 没反应 没声音 断开 断网 出错 不动 エラー クラッシュ フリーズ 失敗 動かな 動きません 落ちる 落ちます 固まる 固まっ 切れる 消えた 壊れ 止まる 文字化け 重い 오류 에러 고장",
    "negation": "无法 不能 不了 不上 没有 不到 不出 打不开 连不 しません できません できない しない ません ない なくなっ 안",
    "state": "一直 老是 总是 从昨天 之后 以后 每次 突然 还是 昨日から ずっと 何度も まだ のに たびに してから 突然",
    "fix": "怎么办 解决 修复 修理 どうすれば 直す 直して 困って 助けて",
    "make": "写一个 写个 写一 写段 帮我写 生成 实现 转换 优化 重构 排序 开发 编写 编一个 改成 转成 加上 补全 書いて 作成 作って 作りたい 実装 変換 ソート 作って 書き換え 書き直 追加して 並べ 取得 開発",
    "artifact": "代码 函数 脚本 程序 正则 数组 列表 字典 组件 接口 爬虫 公式 查询 循环 数据库 单元测试 网页 源码 类写 コード 関数 スクリプト プログラム 正規表現 配列 辞書 リスト 数式 クエリ ループ データベース テスト コンポーネント クラス 変数 マクロ ボット 코드 함수",
    "explain": "解释 区别 原理 介绍 意思 理解 说明 讲讲 讲解 教我 入门 优缺点 是什么 不一样 有什么用 説明 違い 仕組み 意味 使い方 教えて 解説 とは なぜ 入門 使い分け 学び 学ぶ 役割 利点 설명",
    "asks": "什么 为什么 怎么 怎样 如何 多少 谁 哪 几点 吗 呢 何です どうやって 方法 どうして どんな いつ どこ 誰 何 뭐",
    "device": "电脑 手机 打印机 键盘 屏幕 耳机 网络 鼠标 硬盘 路由器 电视 麦克风 笔记本 充电 电池 信号 パソコン スマホ プリンター 画面 アプリ イヤホン マイク テレビ ルーター キーボード 充電 컴퓨터",
    "product": "软件 应用 账号 密码 更新 邮箱 登录 微信 网站 ソフト アカウント パスワード アップデート メール ログイン サイト ファイル 文件",
    "life": "妈妈 爸爸 老公 老婆 女儿 儿子 孩子 朋友 男朋友 女朋友 同事 老板 生日 婚礼 结婚 旅行 旅游 晚饭 菜谱 食谱 电影 音乐 小说 猫 狗 天气 礼物 爱情 家人 お母さん 母 父 祖母 娘 息子 友達 親友 彼女 彼氏 上司 同僚 誕生日 結婚 旅行 夕飯 レシピ 映画 音楽 本を 猫 犬 天気 雨 プレゼント 贈り物",
    "writing": "作文 文章 故事 诗 歌词 信 邮件 求职信 辞职信 请假 演讲 致辞 祝福 文案 广告 翻译 总结 概括 润色 续写 小说 扮演 假装 起名 名字 作文 物語 お話 詩 歌詞 手紙 挨拶 スピーチ 要約 翻訳 訳して 志望動機 キャプション 短編 小論文 文章 ふりをして なりきって 名前 文例",
    "greet": "你好 谢谢 早上好 晚安 再见 您好 感谢 哈哈 こんにちは ありがとう おはよう おやすみ こんばんは お疲れ 안녕 고마워",
    "works": "好了 解决了 修好 直りました 直った 解決しました",
    "me": "我的 我 私 うちの",
    "you": "你 您 あなた 君",
}  # fmt: skip
FAMILY_OF = {word: name for name, words in _FAMILIES.items() for word in words.split()}
"""The family of each word; the last family that lists it wins."""
CUE_OF = {word: name for name, words in _CUES.items() for word in words.split()}
"""The same for scripts without spaces between words, found inside a run of characters."""
FAMILY_OF |= CUE_OF
_FOREIGN = [(folded(word), name) for name, words in _STEMS.items() for word in words.split()]
FAMILY_OF = {word: name for word, name in _FOREIGN if word[-1] != "-"} | FAMILY_OF
STEM_OF = {word[:-1]: name for word, name in _FOREIGN if word[-1] == "-"}
"""The family of beginnings of words, as `folded` writes them; the longest one counts."""
