"""Tools that a user allowed for good."""

from support.users import Person

from genpy_server.stores.base import Store


async def test_a_permission_is_of_one_user_and_one_definition(store: Store, person: Person) -> None:
    """It is kept with its digest, replaced by another definition, and taken back."""
    other = f"{person.id}-other"
    await store.approve_tool(person.id, "deploy", "d1")
    await store.approve_tool(person.id, "archive", "a1")
    await store.approve_tool(person.id, "deploy", "d2")
    await store.approve_tool(other, "deploy", "d1")
    kept = [(one.name, one.digest) for one in await store.approved_tools(person.id)]
    assert kept == [("archive", "a1"), ("deploy", "d2")]
    assert (await store.approved_tools(person.id))[0].at.endswith("Z")
    assert await store.revoke_tool(person.id, "deploy")
    assert not await store.revoke_tool(person.id, "deploy")
    assert [one.name for one in await store.approved_tools(person.id)] == ["archive"]
    assert [one.name for one in await store.approved_tools(other)] == ["deploy"]
