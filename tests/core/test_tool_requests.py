"""Tool requests: what asks for GenPy's own records, and above all what does not."""

import hashlib
import json
import re
from functools import cache
from typing import Any

import pytest
from support.composed import DATA, composed_messages, held_out_files

from genpy_server.core.understanding.keywords import (
    AROUND,
    MOST_WORDS,
    find_keyword,
    words_of,
)
from genpy_server.core.understanding.linear import LinearModel, shipped
from genpy_server.core.understanding.tool_requests import LONGEST, MODEL, find_tool_request

requested = cache(find_tool_request)
"""The request in a held-out message, which several tests look at."""


@cache
def rows(name):
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


FILES = held_out_files("tools")
HELD = [row for name in FILES if name != "tools_writers.jsonl" for row in rows(name)]
TRAINED = ("train", "forms")
MARK = re.compile(r"[^\w\s]")


def answer(text):
    request = requested(text)
    return (request.name, request.args) if request else (None, {})


def same(found, row):
    """Whether tool and keyword are those of the row; signs and articles do not count."""
    name, args = found
    wanted = (row["args"].get("keyword"), *row.get("accept", ()))
    return name == row["tool"] and plain(args.get("keyword")) in map(plain, wanted)


def bare(text):
    """A text without case and signs, as two writings of one message agree."""
    return " ".join(re.findall(r"\w+", text.lower())) or text


def plain(keyword):
    return [w for w in MARK.sub("", keyword or "").split() if w not in {"a", "an", "the"}]


@pytest.mark.parametrize("language", sorted({row.get("language", "en") for row in HELD}))
def test_held_out_requests_are_mostly_exact(language):
    """Most held-out messages get tool and keyword exactly: 94% in English, 90% in each language."""
    asked = [row for row in HELD if row.get("language", "en") == language]
    floor = 0.94 if language == "en" else 0.9
    assert sum(same(answer(row["text"]), row) for row in asked) >= floor * len(asked)


@pytest.mark.parametrize(("name", "floor"), [("writers", 0.8), ("sealed", 0.92)])
def test_hard_requests_are_mostly_exact(name, floor):
    """Of the oddest messages, by writers told to find unusual words, 80% are exact; of sealed ones 92%."""
    asked = rows(f"tools_{name}.jsonl")
    assert sum(same(answer(row["text"]), row) for row in asked) >= floor * len(asked)


def test_other_messages_rarely_trigger():
    """At most 1% of the held-out messages that ask for no tool get one, and 1.5% or one of a file."""
    triggered = {
        name: [requested(row["text"]) is not None for row in rows(name) if row["tool"] is None]
        for name in FILES
    }
    assert all(sum(each) <= max(1, 0.015 * len(each)) for each in triggered.values())
    assert sum(map(sum, triggered.values())) <= 0.01 * sum(map(len, triggered.values()))


def test_ordinary_messages_do_not_trigger():
    """Of the messages held out from the intents, in any language, none is taken for a request."""
    texts = [row["text"] for name in held_out_files("intents") for row in rows(name)]
    assert [text for text in texts if find_tool_request(text)] == []


def test_the_model_was_trained_on_these_messages():
    """The shipped weights carry the fingerprint of the training messages in the repository."""
    trained_on = b"".join((DATA / f"tools_{name}.jsonl").read_bytes() for name in TRAINED)
    assert shipped(MODEL, dict[str, Any])["fingerprint"] == hashlib.sha256(trained_on).hexdigest()


def test_held_out_messages_were_not_trained_on():
    """No held-out message stands among the training messages, or is composed of a form."""
    trained = {bare(row["text"]) for row in rows("tools_train.jsonl")}
    trained |= composed_messages("tools_forms.jsonl")
    assert not trained & {bare(row["text"]) for name in FILES for row in rows(name)}


@pytest.mark.parametrize(
    ("text", "tool", "args"),
    [
        ("How many messages have we exchanged?", "get_session_stats", {}),
        ("did i tlak about NumPy", "search_chat_history", {"keyword": "numpy"}),
        ("Search my messages for the word budget", "search_chat_history", {"keyword": "budget"}),
        ("Did I mention an umbrella?", "search_chat_history", {"keyword": "umbrella"}),
        ("shwo my past sesions", "get_all_sessions", {}),
        ("Bring up my older chats, please", "get_all_sessions", {}),
        ("any mention of my cousin?", "search_chat_history", {"keyword": "cousin"}),
        ('Did we say "lossy codec"?', "search_chat_history", {"keyword": "lossy codec"}),
        ('Did the name "Ottoline" come up?', "search_chat_history", {"keyword": "ottoline"}),
        ("if i mentioned rome, can you find it?", "search_chat_history", {"keyword": "rome"}),
        ("if you could show me my sessions", "get_all_sessions", {}),
        (
            "When did I last mention Anna's birthday?",
            "search_chat_history",
            {"keyword": "anna's birthday"},
        ),
        ("help me find what i said about Rome", "search_chat_history", {"keyword": "rome"}),
        (
            "hilf mir zu finden, was ich über Rom gesagt habe",
            "search_chat_history",
            {"keyword": "rom"},
        ),
        ("help me list my conversations", "get_all_sessions", {}),
        ("What did we say about **tigers**?", "search_chat_history", {"keyword": "tigers"}),
        ("Did I mention *bread*?", "search_chat_history", {"keyword": "bread"}),
        ("did i mention `foo_bar`", "search_chat_history", {"keyword": "foo_bar"}),
        ("Did we talk about `a*b*c`?", "search_chat_history", {"keyword": "a*b*c"}),
        (
            "What did I say about [docs](http://a.example/b)?",
            "search_chat_history",
            {"keyword": "docs"},
        ),
    ],
)
def test_a_request_is_recognised(text, tool, args):
    """A question about this conversation names its tool and keyword, slips of the pen included."""
    assert answer(text) == (tool, args)
    assert find_tool_request(text).reason


@pytest.mark.parametrize(
    "text",
    [
        "How many messages can Kafka handle?",
        "Did I mention that I love Python?",
        "did I mention it",
        "did we talk about this?",
        "did i mention i'm vegan",
        "have we discussed how it works?",
        "\u00bfYa mencion\u00e9 que me mud\u00e9?",
        "هل ذكرت أنني انتقلت؟",
        "你说过你会来吗",
        "Did Newton mention Leibniz?",
        "any mention of elves in Irish folklore?",
        "Did you say you can draw?",
        "Don't list my sessions",
        "List all screen sessions on my server",
        "How do I list my sessions?",
        "How long was our chat yesterday?",
        "How many messages are there in all my chats?",
        "I enjoyed our conversation",
        "Yesterday we talked about hedges at the office",
        "Gestern haben wir beim B\u00e4cker \u00fcber Hunde geredet",
        "My chats in Teams are gone",
        "Is Emma here?",
        "is this correct here?",
        "where did I park the van",
        "\u0411\u043e\u0440\u0438\u0441 \u0437\u0434\u0435\u0441\u044c?",
        "Have I told you that I hate Mondays?",
        "did Anna mention my nephew in her mail",
        "If I had mentioned the lottery win, would you have believed it?",
        "Wenn ich dir vom Lottogewinn erz\u00e4hlt h\u00e4tte, w\u00fcrdest du mir glauben?",
        "si je t'avais parl\u00e9 du loto, tu m'aurais cru ?",
        "Si te hubiera hablado de la loter\u00eda, \u00bfme creer\u00edas?",
        "\u0435\u0441\u043b\u0438 \u0431\u044b \u044f \u0440\u0430\u0441\u0441\u043a\u0430\u0437\u0430\u043b \u0442\u0435\u0431\u0435 \u043f\u0440\u043e \u043b\u043e\u0442\u0435\u0440\u0435\u044e, \u0442\u044b \u0431\u044b \u043f\u043e\u0432\u0435\u0440\u0438\u043b?",
        "est-ce qu'Anna a parl\u00e9 de mon neveu dans son mail",
        "\u00bfhabl\u00f3 Ana de mi sobrino en su correo?",
        "",
        "?",
    ],
)
def test_a_look_alike_is_left_alone(text):
    """Others' systems and words, statements, suppositions, negations and what begins a clause ask for nothing."""
    assert find_tool_request(text) is None


def test_a_long_message_is_no_request():
    """A message longer than any request is not looked into."""
    assert find_tool_request("show my sessions " + "x" * LONGEST) is None
    assert find_tool_request("did i mention " * 80_000) is None


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("did i mention sesion storage", "sesion storage"),
        ("search history: dentist", "dentist"),
        ('Did we talk about "to be or not to be" here?', "to be or not to be"),
        ("Search our conversation for the savings account", "savings account"),
        ("find app.config in our messages", "app.config"),
        ("Wo habe ich 38,5 Grad geschrieben?", "38,5 grad"),
        (
            "\u7a0e\u7406\u58eb\u306e\u8a71\u3001\u3057\u307e\u3057\u305f\u304b\uff1f",
            "\u7a0e\u7406\u58eb",
        ),
        ('did we talk about the 5" or 7" tablet', '5" or 7'),
        ('Search history:"dentist"', "dentist"),
        ("did I mention AT&T?", "at&t"),
        ("what did I say about the Q&A session?", "q&a"),
        ("did I mention my checking account", "checking account"),
        ("有没有讨论过数据库备份", "数据库备份"),
        (
            "la recette de poulet à la moutarde que tu avais écrite",
            "recette de poulet à la moutarde",
        ),
        ("Acha a receita do bolo de fubá que você passou", "receita do bolo de fubá"),
        ("прогулка на лодке, когда мы \u043e ней говорили?", "прогулка на лодке"),
        ("el paseo en barco, ¿cuándo hablamos de eso?", "paseo en barco"),
        ("find the name of the restaurant in Lyon that I told you", "restaurant in lyon"),
        ("où est la recette du cake à la banane ?", "recette du cake à la banane"),
        ("где рецепт хлеба из кукурузы, который ты давал?", "хлеба из кукурузы"),
        ("أين وصفة خبز الموز بالجوز التي كتبتها؟", "وصفة خبز الموز بالجوز"),
        ("mon mal de dos, quand est-ce que je l'ai évoqué ?", "mal de dos"),
        ("vc sabe se falei do joelho c vc", "joelho"),
        ("q dije del coche xfa", "coche"),
        ("did i mention the boiler bro lol", "boiler"),
        ("did I uh mention the uh dentist appointment", "dentist appointment"),
        ("क्या मैंने मतलब डेंटिस्ट का ज़िक्र किया", "डेंटिस्ट"),
        ("以前火災保険のことを書いたはず", "火災保険"),
        ("上司について何て言ってましたっけ", "上司"),
        ("eu falei da minha mano", "mano"),
        ("هل ذكرت السخان يا صاحبي", "السخان"),
        ("你先说起张居正的是哪一句", "张居正"),
        ("咱聊过猫粮不", "猫粮"),
        ("我跟你唠叨的婆婆那事在哪", "婆婆"),
        ("выше ты писал, как печь хачапури, где это?", "хачапури"),
        ("du hattest mir ein rezept für fischauflauf gegeben", "fischauflauf"),
        ("टीके, क्या हमने उन पर चर्चा की?", "टीके"),
        ("找一下你教我的番茄炒蛋的菜谱", "番茄炒蛋的菜谱"),
        ("前に教えてくれた肉じゃがのレシピ、どこだっけ", "肉じゃが"),
        ("はがきの話しましたっけ？", "はがき"),
        ("さっき書いてくれた玉ねぎスープのレシピ", "玉ねぎスープ"),
        ("どこでパイソンを始めるって言ったんだっけ", "パイソン"),
        ("レンズ豆のレシピを作ってもらったよね", "レンズ豆のレシピ"),
        ("うがい薬って前に言った？", "うがい薬"),
        ("会話内検索:夜行バス", "夜行バス"),
        ("Did I mention that?", ""),
        ("search our conversation", ""),
        ("find it in our chat", ""),
        ("", ""),
        ("?!", "?!".strip(AROUND)),
    ],
)
def test_the_keyword_is_what_was_written(text, keyword):
    """It keeps its slips, dots, decimal commas and quoted words, and loses what is around."""
    assert find_keyword(text) == keyword


@pytest.mark.parametrize("text", ["word " * 40, "(" * LONGEST, "\u4e2d" * LONGEST, "a" * LONGEST])
def test_any_text_has_a_bounded_keyword(text):
    """Whatever is asked, the keyword is a part of it, of a few words at most."""
    keyword = find_keyword(text)
    assert keyword in text.lower()
    assert len(words_of(keyword)) <= MOST_WORDS


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ("What did we talk about last week?", {"period": "last_week"}),
        ("Show my chats from yesterday", {"period": "yesterday"}),
        ("Show my chats", {}),
        ("show my chats about the garden", {"topic": "garden"}),
        ("which chats about taxes do I have", {"topic": "taxes"}),
        ("list all sessions on garden fences", {"topic": "garden fences"}),
        ("all conversations where we talked about Spain, list them", {"topic": "spain"}),
        (
            "any sessions regarding budgets from last week?",
            {"topic": "budgets", "period": "last_week"},
        ),
        ("alle Chats zum Thema Umzug auflisten", {"topic": "umzug"}),
        ("les conversations à propos de l'Espagne stp", {"topic": "espagne"}),
        ("lista las sesiones donde hablamos de la valla", {"topic": "valla"}),
        ("покажи мои чаты про ремонт", {"topic": "ремонт"}),
        ("टैक्स वाली पुरानी बातचीत दिखाओ", {"topic": "टैक्स"}),
        ("显示我关于做饭的聊天", {"topic": "做饭"}),
        ("料理についてのチャットを見せて", {"topic": "料理"}),
        ("How many sessions do I have?", {}),
        ("Zeig mir alle meine Chats", {}),
        ("which conversations cover taxes", {"topic": "taxes"}),
        ("welche unserer Chats handeln vom Garten?", {"topic": "garten"}),
        ("Welche Gespräche drehen sich um den Garten?", {"topic": "garten"}),
        ("quelles conversations parlent de cuisine ?", {"topic": "cuisine"}),
        ("¿qué conversaciones hablan de cocina?", {"topic": "cocina"}),
        ("quais conversas tratam de cozinha?", {"topic": "cozinha"}),
        ("какие чаты посвящены саду?", {"topic": "саду"}),
    ],
)
def test_sessions_are_asked_for_by_time_and_topic(text, args):
    """A request for sessions carries the days and the topic it names."""
    request = find_tool_request(text)
    assert request is not None
    assert (request.name, request.args) == ("get_all_sessions", args)


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ("did I mention 'tax return' here?", {"keyword": "tax return"}),
        (
            "kya maine kal mortgage mention kiya tha",
            {"keyword": "mortgage", "period": "yesterday", "scope": "all_sessions"},
        ),
        (
            "meri sabhi chats me mortgage search karo",
            {"keyword": "mortgage", "scope": "all_sessions"},
        ),
        (
            "search all my chats for mortgage",
            {"keyword": "mortgage", "scope": "all_sessions"},
        ),
        (
            "check my old chats for mortgage",
            {"keyword": "mortgage", "scope": "all_sessions"},
        ),
        (
            "did I mention rent last week?",
            {"keyword": "rent", "period": "last_week", "scope": "all_sessions"},
        ),
        (
            "did I mention rent since yesterday?",
            {"keyword": "rent", "since": "yesterday", "scope": "all_sessions"},
        ),
        ("did I mention the boat in March?", {"keyword": "boat", "unused_time": "in March"}),
        (
            "what did I say about the ferry between 1 May and 9 May?",
            {"keyword": "ferry", "unused_time": "between 1 May and 9 May"},
        ),
        (
            "did I mention the ferry this morning?",
            {"keyword": "ferry", "period": "today", "scope": "all_sessions"},
        ),
        ('where did I write "it\'s fine"?', {"keyword": "it's fine"}),
        (
            "\u044f \u0433\u043e\u0432\u043e\u0440\u0438\u043b \u0447\u0442\u043e-\u043d\u0438\u0431\u0443\u0434\u044c \u043f\u0440\u043e \u0434\u0430\u0447\u0443?",
            {"keyword": "\u0434\u0430\u0447\u0443"},
        ),
        ("Habe ich den Vertrag schon erw\u00e4hnt?", {"keyword": "vertrag"}),
        ("\u6211\u63d0\u5230\u8fc7\u5408\u540c\u5417", {"keyword": "\u5408\u540c"}),
    ],
)
def test_a_search_carries_what_it_names(text, args):
    """Quotes, all chats and times become arguments; a time that cannot is named as unused."""
    request = find_tool_request(text)
    assert request is not None
    assert (request.name, request.args) == ("search_chat_history", args)


def test_what_a_message_asks_for_is_weighed_once(monkeypatch):
    """It is asked for when the message is indexed, and again by its reply, after those of many others."""
    weighed, score = [], LinearModel.score
    monkeypatch.setattr(
        LinearModel, "score", lambda self, *found: weighed.append(found) or score(self, *found)
    )
    asked = "How many messages did we weigh in this chat?"
    first = find_tool_request(asked)
    for number in range(200):
        find_tool_request(f"How many messages of {number} did we weigh?")
    once = len(weighed)
    assert once > 200
    assert find_tool_request(asked) == first
    assert len(weighed) == once


@pytest.mark.parametrize(
    ("form", "things"),
    [
        ("Did I mention {}?", "penguins lions Zürich C++ gluten e-bikes Kubernetes"),
        ("have we ever discussed {} before", "penguins taxes Nginx rust"),
        ("did you bring up {}", "llamas Oslo jazz"),
        ("¿Ya mencioné {}?", "pingüinos Bilbao gluten"),
        ("هل ذكرت {}؟", "البطاريق القهوة الضرائب"),
        ("我们提到过{}吗？", "企鹅 税 Kubernetes"),
        ("est-ce que j'ai parlé de mon {}", "neveu chien loyer genou"),
        ("¿hablé de mi {}?", "sobrino perro alquiler examen"),
        ("já te falei do meu {}?", "sobrinho cachorro aluguel joelho"),
        ("{}の話したっけ", "甥 犬 家賃 膝"),
        ("When did I last mention {}?", "Rome rent Kubernetes"),
        ("when did I first bring up my {}", "cello landlord"),
        ("wo haben wir über den {} geredet", "umzug vertrag garten"),
        ("Hab ich dir schon mal von meiner {} erzählt?", "Schwester Katze"),
        ("متى كانت آخر مرة ذكرت فيها {}؟", "روما القهوة"),
    ],
)
def test_a_plain_question_for_a_thing_searches_for_it_whatever_it_is(form, things):
    """The words of the question decide, also with a thing that no training message held."""
    for thing in things.split():
        request = find_tool_request(form.format(thing))
        assert request is not None, thing
        assert (request.name, request.args["keyword"]) == ("search_chat_history", thing.lower())


@pytest.mark.parametrize(
    ("text", "keyword", "time"),
    [
        (
            "what did i say about rent between monday and friday",
            "rent",
            "between monday and friday",
        ),
        ("what did i say about rent on the weekend", "rent", "on the weekend"),
        ("what did i say about rent around easter", "rent", "around easter"),
        ("what did i say about rent on 2024-03-05", "rent", "on 2024-03-05"),
        ("what did i say about rent ten minutes ago", "rent", "ten minutes ago"),
        ("was habe ich an Weihnachten über Miete gesagt", "miete", "an Weihnachten"),
        ("qué dije sobre el alquiler el verano pasado", "alquiler", "el verano pasado"),
        ("o que eu disse sobre o aluguel no natal", "aluguel", "no natal"),
        ("что я говорил про аренду прошлым летом", "аренду", "прошлым летом"),
        ("ماذا قلت عن الإيجار في رمضان", "الإيجار", "في رمضان"),
        ("去年の夏家賃について何て言った", "家賃", "去年の夏"),
        ("春节的时候我说过房租吗", "房租", "春节的时候"),
    ],
)
def test_a_time_that_is_no_period_is_said_to_be_unused(text, keyword, time):
    """A time in any of the languages is left out of the keyword, and named as one that was not used."""
    request = find_tool_request(text)
    assert request is not None
    assert request.args == {"keyword": keyword, "unused_time": time}


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("filter this thread for sourdough", "sourdough"),
        ("the gluten thing first, where is it", "gluten"),
        ("yo did i yap about the marathon already", "marathon"),
        ("filter mal den chat nach Steuererklärung", "steuererklärung"),
        ("filtra el chat por hipoteca", "hipoteca"),
        ("отфильтруй переписку по слову ипотека", "ипотека"),
        ("猫で検索", "猫"),
        ("搜一下猫", "猫"),
        ("ey wo hab ich hier von bafög gelabert", "bafög"),
        ("on a causé du barbecue icitte ou ben", "barbecue"),
        ("hab i scho wos vom Zahnarzt gsogt", "zahnarzt"),
    ],
)
def test_slang_and_filters_are_searches(text, keyword):
    """What is to be filtered for, told in slang or named first is looked for."""
    request = find_tool_request(text)
    assert request is not None
    assert (request.name, request.args["keyword"]) == ("search_chat_history", keyword)


@pytest.mark.parametrize(
    "text",
    [
        "filter this list for prime numbers: 3, 4, 9, 11",
        "kindly furnish the tally of votes cast in the 1960 election",
        "Der Balkon, wo kaufe ich den günstigsten Bodenbelag",
        "过滤豆浆用什么布",
        "コーヒーのフィルターどこで売ってる",
        "merci beaucoup tu me sauves la vie",
        "Enséñame a tener mejores conversaciones",
        "bring mir bei, gute Gespräche zu führen",
        "me ensine a manter conversas",
        "научи меня вести разговоры",
        "ayúdame a tener conversaciones difíciles",
        "aide-moi à préparer mes conversations",
        "hilf mir Gespräche zu beginnen",
    ],
)
def test_the_same_words_about_anything_else_ask_for_no_records(text):
    """Filters, formal figures, thanks and lessons that are about nothing said here trigger no tool."""
    assert find_tool_request(text) is None
