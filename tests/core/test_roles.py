"""Roles of words: what a line says of who said what, whatever it was about."""

import pytest

from genpy_server.core.understanding.roles import MOST, read, role_features


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Did I ever mention my parrot?", "have we already mentioned the lighthouse of Cadiz?"),
        ("Est-ce que j'ai parlé de mon chien ?", "est-ce que j'ai parlé de la mer du Nord ?"),
        ("¿hablé de mi loro?", "¿hablé del faro de Cádiz?"),
        ("我说过我的猫吗", "我提过房贷利率吗"),
        ("我说过猫吗", "我說過房貸利率嗎"),
    ],
)
def test_a_question_about_anything_else_reads_alike(one, other):
    """Names of any length, what belongs to them, and other verbs of speech make no difference."""
    assert [*map(alike, read(one)[1])] == [*map(alike, read(other)[1])]


def alike(role):
    """One role for both persons who may ask for their own, and for the forms of a verb."""
    return {"we": "i", "tell": "say"}.get(role, role)


def test_other_people_are_no_person_of_the_conversation():
    """A question about what Anna wrote in her mail has a name where the other has "I"."""
    assert read("did I mention it")[1][:3] == ["^", "aux", "i"]
    assert read("did Anna mention it in her mail")[1][:3] == ["^", "aux", "*"]
    assert "out" in read("did Anna mention it in her mail")[1]


@pytest.mark.parametrize("line", ["", "?!", "a " * 900, "的" * 900, "\u0301", "'" * 40])
def test_any_line_has_bounded_roles(line):
    """Whatever is read, the number of roles and of features is bounded."""
    assert len(read(line)[1]) <= 2 * MOST + 2
    assert len(role_features(line)) <= 20 * MOST
