"""What listed conversations are to be about."""

import pytest

from genpy_server.core.understanding.names import MOST_WORDS
from genpy_server.core.understanding.tool_requests import find_tool_request, find_topic


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("show me the chats on sourdough bro", "sourdough"),
        ("any older threads to do with knitting? list them", "knitting"),
        ("all chats about taxes do I have", "taxes"),
        ("which sessions did we have about my daughter's school?", "daughter's school"),
        ('jump to the session called "garden plans"', "garden plans"),
        ("pull up my gardening chats", "gardening"),
        ("Liste alle Gespräche zum Umzug auf", "umzug"),
        ("Ruf die Chats über Lissabon wieder auf", "lissabon"),
        ("meine Steuer-Chats bitte", "steuer"),
        ("show me the chat where we did the budget", "budget"),
        ("mes chats sur « plan B »", "plan b"),
        ("la liste des chats où on a bossé le mot de passe", "mot de passe"),
        ("minhas conversas sobre a conta de luz por favor", "conta de luz"),
        ("Zeig mir die Unterhaltungen rund ums Backen", "backen"),
        ("Welche Gespräche hatten wir zur Schule meiner Tochter?", "schule meiner tochter"),
        ("quelles discussions avons-nous eues à propos des impôts ?", "impôts"),
        ("sur le tricot, quelles conversations j'ai ?", "tricot"),
        ("liste les sessions où on a parlé d'apprendre le néerlandais", "apprendre le néerlandais"),
        ("lista mis charlas de cocina", "cocina"),
        ("¿qué conversaciones tuvimos sobre el colegio de mi hija?", "colegio de mi hija"),
        ("abre os bate-papos antigos sobre fotografia pra mim", "fotografia"),
        ("про шахматы какие мои чаты есть?", "шахматы"),
        ("все диалоги, связанные \u0441 моей свадьбой, пожалуйста", "свадьбой"),
        ("أي من محادثاتي كانت عن الصداع النصفي؟", "الصداع النصفي"),
        ("اعرض محادثاتي المتعلقة بالطبخ", "الطبخ"),
        ("كل محادثات الرياضة لو سمحت", "الرياضة"),
        ("क्रिकेट की सारी चैट दिखाओ", "क्रिकेट"),
        ("योग वाली मेरी पिछली चैट कौन-कौन सी हैं?", "योग"),
        ("मेरी शादी को लेकर जितनी चैट हैं सब दिखाओ", "शादी"),
        ("photography ke baare me meri purani chats dikhao", "photography"),
        ("我有哪些聊健身的会话？", "健身"),
        ("我有哪些会话是关于偏头痛的？", "偏头痛"),
        ("和下棋有关的聊天有哪些？", "下棋"),
        ("筋トレについて話したチャットはどれとどれ？", "筋トレ"),
        ("料理の話をしたセッションを見せて", "料理"),
        ("片頭痛の会話、どれだっけ？", "片頭痛"),
    ],
)
def test_a_topic_is_found_in_ten_languages(text, topic):
    """It is the words beside the one that says so, in any order, without particles and signs."""
    assert find_topic(text) == topic


@pytest.mark.parametrize(
    "text",
    [
        "what have we talked about in other sessions",
        "show me the chats on my phone",
        "any older chats of mine?",
        "show my lost chats",
        "quelles discussions on a faites ?",
        "我和你聊过多少次对话",
        "display my prevoius chats",
        "ما عناوين محادثاتي المحفوظة؟",
        "Übersicht über alle meine Chats bitte",
        "Ich möchte an eines der Gespräche von, anknüpfen",
        "la liste complète de nos conversations",
        "покажи все мои чаты по дате",
        "हमने किन विषयों पर बात की?",
        "把我以前跟你聊过的对话列出来",
        "看看我以前的聊天记录",
        "まえに相談した会話を呼び出したい",
        "一個前のチャットに戻して",
    ],
)
def test_a_list_without_a_topic_has_none(text):
    """Where conversations are kept, how they are ordered and whose they are is not their topic."""
    assert find_topic(text) == ""


@pytest.mark.parametrize(
    ("text", "args"),
    [
        (
            "Zeig mir die Chats von letztem Monat übers Auto",
            {"topic": "auto", "period": "last_month"},
        ),
        ("先月の車に関するチャットを見せて", {"topic": "車", "period": "last_month"}),
        ("Ver las conversaciones de septiembre", {"unused_time": "de septiembre"}),
        ("abre o chat de quinta passada", {"unused_time": "de quinta passada"}),
    ],
)
def test_a_time_is_no_part_of_the_topic(text, args):
    """A list carries both, and a time that is not used is named."""
    request = find_tool_request(text)
    assert request is not None
    assert request.name == "get_all_sessions"
    assert request.args.items() >= args.items()


@pytest.mark.parametrize(
    "text", ["about " * 40, "about x-" * 25, "关于" * 100, "chats on " + "y " * 90]
)
def test_any_text_has_a_bounded_topic(text):
    """Whatever is asked, the topic is a part of it, of a few words at most."""
    topic = find_topic(text)
    assert topic in text
    assert len(topic.split()) <= MOST_WORDS
