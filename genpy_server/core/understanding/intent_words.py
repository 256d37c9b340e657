"""Families of words that speak for an intent, so that a word never trained on still counts."""

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
"""Each word's one family; the last family that names it wins."""
CUE_OF = {word: name for name, words in _CUES.items() for word in words.split()}
"""The same for words of scripts without spaces, which are found inside what is written together."""
FAMILY_OF |= CUE_OF
