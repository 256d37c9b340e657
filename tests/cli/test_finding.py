"""Searching, summing up and rating."""

import re

ROME = "0b7e1f52-9a41-4f0e-8d55-2f6a3c1d9e01"
PYTHON = "5c2d9a17-3e80-4b6b-a1f4-77d0e2b8c302"


def test_search_finds_across_conversations(kept):
    """A search shows where each message is from, and the words around what was found."""
    shown = kept("search", "sort", "numbers").out
    assert re.search(rf"\b{PYTHON[:8]}#\d+", shown)
    assert "Sorting" in shown
    assert "sort a list of numbers" in shown


def test_search_for_programs(kept):
    """`--json` gives the hits, best first, with their scores."""
    hits = kept("search", "hotel Rome", "--json").json
    assert hits[0]["message"]["session_id"] == ROME
    assert hits[0]["found_in"] in {"title", "summary"}
    scores = [hit["score"] for hit in hits if hit["found_in"] == "message"]
    assert scores == sorted(scores, reverse=True)
    assert len(kept("search", "hostile", "--json", "--limit", "1").json) == 1


def test_search_finds_titles_first(genpy):
    """A conversation whose title has the word comes before messages that have it."""
    genpy("sessions", "rename", PYTHON, "Hotel prices")
    lines = genpy("search", "hotel").out.splitlines()
    assert lines[0].startswith("Hotel prices  found in the title")
    assert any("Trip to Rome" in line for line in lines[1:])


def test_search_without_a_hit(kept):
    """A search that finds nothing says so and is not a failure; for programs it is empty."""
    ran = kept("search", "zeppelin")
    assert ran.out + ran.err == "Nothing was found.\n"
    assert kept("search", "zeppelin", "--json").json == []


def test_search_in_one_conversation(kept):
    """A search may be narrowed to one conversation."""
    assert kept("search", "hotel", "--session", PYTHON, "--json").json == []
    assert kept("search", "hotel", "--session", ROME[:8], "--json").json


def test_summary(kept):
    """A summary shows what it was about, and what was counted."""
    shown = kept("summary", ROME[:8]).out
    for part in (
        "You looked for a hotel",
        "travel",
        "positive",
        "Look near Termini",
        "★★★★☆",
        "1 from you",
    ):
        assert part in shown
    document = kept("summary", ROME, "--json").json
    assert document["sentiment"] == "positive"


def test_summary_of_an_active_conversation(kept):
    """A conversation that has not ended has no summary, and the command says how to get one."""
    ran = kept("summary", PYTHON)
    assert "--regenerate" in ran.out + ran.err


def test_summary_again(genpy):
    """Without a model a summary written again is counted metrics and an honest note, and a failure."""
    session = genpy("summary", PYTHON, "--regenerate", "--json", code=1).json
    assert session["status"] == "completed"
    assert session["summary"] is None
    assert session["note"]
    assert session["metrics"]["user_messages"] == 1
    assert session["note"][:20] in genpy("summary", PYTHON).out
    assert session["note"][:20] in genpy("summary", PYTHON, "--regenerate", code=1).out


def test_rate(genpy):
    """A rating is kept, from 1 to 5."""
    genpy("rate", PYTHON[:8], "5")
    assert genpy("summary", PYTHON, "--json").json["user_rating"] == 5
    assert genpy("rate", PYTHON, "2", "--json").json["user_rating"] == 2
    for wrong in ("0", "6", "many"):
        assert genpy("rate", PYTHON, wrong, code=2).err
