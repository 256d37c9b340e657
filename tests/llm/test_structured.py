"""What can be read of a structured answer, in the shapes that models give it."""

import json
import re

import msgspec
import pytest
from support.scripted_model import DONE, Script, chunk, event

from genpy_server.core.models import SummaryDraft
from genpy_server.errors import LlmBadOutput, LlmCutOff
from genpy_server.llm.base import ChatMessage
from genpy_server.llm.structured import read, strict_schema

ASKED = [ChatMessage("system", "sum up"), ChatMessage("user", "hello")]
GOOD = {"summary": "A test.", "topics": ["tests"], "sentiment": "neutral", "outcomes": ["done"]}
DRAFT = SummaryDraft("A test.", ["tests"], "neutral", ["done"])
TEXT = json.dumps(GOOD)


def good(**changes):
    return json.dumps({**GOOD, **changes})


AROUND = {
    "plain": TEXT,
    "fence": f"```json\n{TEXT}\n```",
    "capital fence": f"```JSON\n{TEXT}\n```",
    "nameless fence": f"```\n{TEXT}\n```",
    "preamble": f"Here is the JSON you asked for:\n{TEXT}",
    "preamble with braces": f"I fill {{this}} in: {TEXT}",
    "preamble and fence": f"Here:\n\n```json\n{TEXT}\n```\n",
    "suffix": f"{TEXT}\n\nLet me know if you need more!",
    "form repeated": f'Form: {{"summary": "string", "topics": ["string"]}}\nAnswer:\n{TEXT}',
    "suffix with JSON": f'{TEXT}\n{{"summary": "another"}}',
    "BOM": f"\ufeff{TEXT}",
    "think": f'<think>\n{{"summary": "no"}}\n</think>\n{TEXT}',
    "end of think": f"hm {{x}}</think>{TEXT}",
    "array": json.dumps([GOOD]),
    "inside": json.dumps({"result": {"answer": GOOD}}),
    "schema repeated": json.dumps({"type": "object", "properties": GOOD}),
    "more keys": good(language="en", confidence=0.5),
    "trailing comma": TEXT[:-1] + ",}",
    "single quotes": str(GOOD),
    "comments": TEXT.replace('"topics"', '// what about\n"topics"'),
    "indented": json.dumps(GOOD, indent=2),
    "first version's name": TEXT.replace('"outcomes"', '"key_outcomes"'),
    "capital keys": '{"Summary": "A test.", "Topics": ["tests"], "Sentiment": "Neutral", '
    '"Key Outcomes": ["done"]}',
    "German keys": '{"Zusammenfassung": "A test.", "Themen": ["tests"], "Stimmung": "neutral", '
    '"Ergebnisse": ["done"]}',
    "French keys": '{"résumé": "A test.", "thèmes": ["tests"], "résultats": ["done"], '
    '"sentiment": "neutre"}',
    "Spanish keys": '{"resumen": "A test.", "temas": ["tests"], "sentimiento": "neutral", '
    '"resultados": ["done"]}',
    "Chinese keys": '{"摘要": "A test.", "主题": ["tests"], "情感": "中性", "结果": ["done"]}',
    "Japanese keys": '{"要約": "A test.", "トピック": ["tests"], "感情": "中立", "成果": ["done"]}',
    "Russian keys": '{"резюме": "A test.", "темы": ["tests"], "настроение": "нейтральное", "итоги": ["done"]}',
    "Portuguese keys": '{"resumo": "A test.", "tópicos": ["tests"], "sentimento": "neutro", "resultados": ["done"]}',
    "Swedish keys": '{"sammanfattning": "A test.", "ämnen": ["tests"], "stämning": "neutral", "resultat": ["done"]}',
    "Arabic keys": '{"ملخص": "A test.", "مواضيع": ["tests"], "المشاعر": "محايد", "النتائج": ["done"]}',
    "keys in another order": '{"nálada": "neutral", "témata": ["tests"], "shrnutí": "A test.", "výsledky": ["done"]}',
    "keys of two languages": '{"summary": "A test.", "konular": ["tests"], "duygu": "nötr", "sonuçlar": ["done"]}',
    "many keys of its own": good(language="en", model="x", date="1 May", people=["a"], score=3),
    "longer keys around": '{"conversationSummary": "A test.", "topicsDiscussed": ["tests"], "overallSentiment": "neutral", "outcomesReached": ["done"]}',
    "wide marks": TEXT.replace('": ', '"\uff1a').replace(", ", "\uff0c"),
    "equals signs": TEXT.replace('": ', '" = '),
    "weights": good(topics={"tests": 3}),
    "values of a schema": good(topics={"type": "array", "items": ["tests"]}),
    "other words for keys": '{"overview": "A test.", "keywords": ["tests"], "mood": "neutral", '
    '"decisions": ["done"]}',
    "escaped": TEXT.replace('"', '\\"'),
    "without the first bracket": TEXT[1:],
    "whole answer of a service": json.dumps({"choices": [{"message": {"content": TEXT}}]}),
    "topics as JSON in text": good(topics='["tests"]'),
    "topics as Python in text": good(topics="['tests']"),
    "topics as numbered items": good(topics=["1. tests"]),
    "sentiment inside": good(sentiment={"overall": "neutral"}),
    "topics as text": good(topics="tests"),
    "topics as objects": good(topics=[{"name": "tests"}]),
    "summary as object": good(summary={"text": "A test."}),
    "outcomes as text": good(outcomes="done"),
    "outcomes as bullets": good(outcomes="- done"),
    "sentiment in capitals": good(sentiment="NEUTRAL"),
    "sentiment as object": good(sentiment={"label": "neutral"}),
    "encoded as text": json.dumps(TEXT),
    "encoded inside": json.dumps({"answer": TEXT}),
    "arguments of a call": json.dumps({"name": "answer", "arguments": TEXT}),
    "typeset quotes": TEXT.replace('"', "\u201c"),
    "pairs of typeset quotes": re.sub('"([^"]*)"', "\u201c\\1\u201d", TEXT),
    "entities": TEXT.replace('"', "&quot;"),
    "thinking": f'<thinking>{{"summary": "no"}}</thinking>{TEXT}',
    "capital think": f'[THINK]{{"summary": "no"}}[/THINK]{TEXT}',
    "channels": f'<|channel|>analysis<|message|>{{"summary": "no"}}<|channel|>final<|message|>{TEXT}',
    "two fences": '```json\n{"summary":"A test.","topics":["tests"]}\n```\n'
    '```json\n{"sentiment":"neutral","outcomes":["done"]}\n```',
    "a line each": '{"summary":"A test."}\n{"topics":["tests"]}\n{"sentiment":"neutral"}\n'
    '{"outcomes":["done"]}',
    "schema before": json.dumps(
        {
            "type": "object",
            "properties": {"summary": {"type": "string"}, "topics": {"type": "array"}},
            "required": ["summary"],
        }
    )
    + "\n"
    + TEXT,
    "longer keys": TEXT.replace('"summary"', '"session_summary"')
    .replace('"topics"', '"main_topics"')
    .replace('"sentiment"', '"overall_sentiment"'),
    "singular keys": TEXT.replace('"topics"', '"topic"').replace('"outcomes"', '"outcome"'),
    "escaped keys": TEXT.replace("outcomes", "key\\_outcomes"),
    "unquoted": "Sure! {\n  summary: 'A test.',\n  topics: ['tests'],\n  sentiment: 'neutral',\n"
    "  outcomes: ['done']\n}",
    "ellipsis": TEXT[:-1] + ", ...}",
    "YAML": "summary: A test.\ntopics:\n- tests\nsentiment: neutral\noutcomes:\n- done",
    "Markdown": "**Summary:** A test.\n\n**Topics:** tests\n\n**Sentiment:** Neutral\n\n"
    "**Key outcomes:**\n- done",
    "TOML": 'summary = "A test."\ntopics = ["tests"]\nsentiment = "neutral"\noutcomes = ["done"]',
    "table": "| field | value |\n|---|---|\n| summary | A test. |\n| topics | tests |\n"
    "| sentiment | neutral |\n| outcomes | done |",
    "headings": "## Summary\nA test.\n## Topics\n- tests\n## Sentiment\nNeutral\n## Outcomes\n- done",
    "tags in tags": "<summary>A test.</summary>\n<topics><topic>tests</topic></topics>"
    "<sentiment>neutral</sentiment><outcomes><outcome>done</outcome></outcomes>",
    "tags": "<summary>A test.</summary><topics>tests</topics><sentiment>neutral</sentiment>"
    "<outcomes>done</outcomes>",
}


@pytest.mark.parametrize("name", AROUND)
def test_answer_is_found_whatever_stands_around_it(name):
    """The first object that holds something of the answer is the answer."""
    assert read(AROUND[name], SummaryDraft) == DRAFT


@pytest.mark.parametrize(
    ("answer", "draft"),
    [
        (good(sentiment="mixed"), SummaryDraft("A test.", ["tests"], None, ["done"])),
        (good(sentiment=None), SummaryDraft("A test.", ["tests"], None, ["done"])),
        (good(outcomes=None), SummaryDraft("A test.", ["tests"], "neutral", [])),
        ('{"summary": "A test."}', SummaryDraft("A test.", [], None, [])),
        (good(summary=""), SummaryDraft("", ["tests"], "neutral", ["done"])),
        (good(topics="tests, servers; cats"), SummaryDraft("A test.", ["tests, servers", "cats"],
                                                          "neutral", ["done"])),
        (good(topics="tests, servers"), SummaryDraft("A test.", ["tests", "servers"], "neutral",
                                                    ["done"])),
        (good(outcomes="They chose Rome in May, and will book a hotel."),
         SummaryDraft("A test.", ["tests"], "neutral",
                      ["They chose Rome in May, and will book a hotel."])),
        (good(outcomes="1. One thing\n2. Another"),
         SummaryDraft("A test.", ["tests"], "neutral", ["One thing", "Another"])),
        (TEXT[:42], SummaryDraft("A test.", ["tests"], None, [])),
        (good(topics="#tests #cats"), SummaryDraft("A test.", ["tests", "cats"], "neutral", ["done"])),
        (good(topics=["tests", 2024, "..."]), SummaryDraft("A test.", ["tests", "2024"], "neutral", ["done"])),
        (good(outcomes=["None"]), SummaryDraft("A test.", ["tests"], "neutral", [])),
        (good(outcomes="N/A"), SummaryDraft("A test.", ["tests"], "neutral", [])),
        (TEXT.replace("A test", 'A "test"'), SummaryDraft('A "test".', ["tests"], "neutral", ["done"])),
        (TEXT.replace("A test", 'A "test", and more'),
         SummaryDraft('A "test", and more.', ["tests"], "neutral", ["done"])),
        ('{"sammendrag": "A test.", "temaer": [], "utfall": ["done"]}',
         SummaryDraft("A test.", [], None, ["done"])),
        ('{"summary": "A te', SummaryDraft("A te", [], None, [])),
    ],
)  # fmt: skip
def test_what_fits_is_taken(answer, draft):
    """Missing, null, cut and oddly shaped fields cost only themselves."""
    assert read(answer, SummaryDraft) == draft


@pytest.mark.parametrize(
    ("word", "sentiment"),
    [
        ("Positive", "positive"),
        ("very positive", "positive"),
        ("positiv", "positive"),
        ("Négatif", "negative"),
        ("negativa", "negative"),
        ("нейтральный", "neutral"),
        ("积极", "positive"),
        ("ネガティブ", "negative"),
        ("محايد", "neutral"),
        ("unhappy", "negative"),
        ("neutral to positive", None),
        ("ambivalent", None),
        ("not negative", None),
        ("tích cực", "positive"),
        ("olumsuz", "negative"),
    ],
)
def test_sentiment_is_read_in_many_languages(word, sentiment):
    """A word that means one of the three is that one, and any other is left out."""
    assert read(good(sentiment=word), SummaryDraft).sentiment == sentiment


NOTHING = ["", "nonsense", "[]", "```json\n{}\n```", '{"summary": 1}', "[" * 5000, "{" * 5000,
           "The summary is that they talked.",
           '{"type": "object", "properties": {"summary": {"type": "string"}}}',
           '{"other": "x"}', "null", '[{"key": "topics", "value": ["tests"]}]',
           '{"model": "x", "stop": ["a"]}',
           '{"type": "object", "required": ["summary"], "name": "answer"}']  # fmt: skip


@pytest.mark.parametrize("answer", NOTHING)
def test_answer_that_holds_nothing_is_refused(answer):
    """An answer of which no field can be read is a bad one."""
    with pytest.raises(LlmBadOutput):
        read(answer, SummaryDraft)


def choice(**message):
    whole = {"choices": [{"message": message, "finish_reason": "stop"}]}
    return Script(body=json.dumps(whole).encode())


def stream(*deltas, finish="stop"):
    return Script(pieces=[*(chunk(delta) for delta in deltas), chunk(finish=finish), DONE])


CALL = {"id": "a", "function": {"name": "answer", "arguments": TEXT}}
PLACES = {
    "whole": choice(content=TEXT),
    "stream": stream({"content": TEXT[:20]}, {"content": TEXT[20:]}),
    "parts": choice(content=[{"type": "text", "text": TEXT[:20]}, {"type": "text", "text": TEXT[20:]}]),
    "beside reasoning": choice(content=TEXT, reasoning_content="{}"),
    "reasoning alone": choice(content="", reasoning_content=TEXT),
    "call": choice(content=None, tool_calls=[CALL]),
    "call in a stream": stream({"tool_calls": [{**CALL, "index": 0}]}, finish="tool_calls"),
    "cut off behind it": Script(pieces=[chunk({"content": TEXT})], hang_up=True),
    "cut at the length": stream({"content": TEXT[:-1]}, finish="length"),
    "an error behind it": Script(pieces=[chunk({"content": TEXT}), event({"error": "boom"})]),
}  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
async def test_answer_is_taken_from_wherever_it_stands(llm, upstream, name):
    """Streamed or whole, as text or as a call: what came of the answer is read."""
    upstream.script(PLACES[name])
    assert await llm.structured(ASKED, SummaryDraft) == DRAFT


@pytest.mark.parametrize("content", NOTHING)
async def test_model_that_gives_no_answer_is_asked_once(llm, upstream, content):
    """A bad answer is an error, and not asked for again behind the caller's back."""
    upstream.answer = lambda _: content
    with pytest.raises(LlmBadOutput):
        await llm.structured(ASKED, SummaryDraft)
    assert sum(r["path"].endswith("/chat/completions") for r in upstream.requests) == 1


async def test_answer_that_is_none_says_what_came(llm, upstream):
    """A page of HTML instead of an answer is named."""
    upstream.script(Script(body=b"<html><title>Open WebUI</title></html>"))
    with pytest.raises(LlmCutOff, match="web page: Open WebUI"):
        await llm.structured(ASKED, SummaryDraft)


def test_strict_schema_has_no_references_and_requires_everything():
    """Nested types stand in place, closed, without defaults."""

    class Inner(msgspec.Struct):
        text: str = ""

    class Outer(msgspec.Struct):
        items: list[Inner]

    assert strict_schema(Outer) == {
        "type": "object",
        "properties": {
            "items": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"text": {"type": "string"}},
                    "required": ["text"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["items"],
        "additionalProperties": False,
    }


def test_a_field_called_title_is_asked_for():
    """A schema keeps a field of the name that schemas use for their own titles."""
    schema = strict_schema(SummaryDraft)
    assert [*schema["properties"]] == schema["required"]
    assert schema["required"] == ["summary", "topics", "sentiment", "outcomes", "title"]
    assert schema["properties"]["title"] == {"type": "string"}
