"""Fixtures of the testing kit, for pytest with pytest-asyncio in either of its modes."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from genpy_server.testing.scripted_model import ScriptedModel


def _fixture(function: Callable[..., Any]) -> Any:
    """A fixture of pytest-asyncio; without that package, a fixture that cannot be used."""
    try:
        import pytest_asyncio  # noqa: PLC0415 - an extra, and this is read at every start of pytest
    except ImportError:
        return pytest.fixture(function)
    return pytest_asyncio.fixture(function)


@_fixture
async def scripted_model() -> "AsyncIterator[ScriptedModel]":
    """A model service whose replies the test defines."""
    from genpy_server.testing.scripted_model import ScriptedModel  # noqa: PLC0415 - when used

    async with ScriptedModel() as model:
        yield model


@_fixture
async def genpy_url(scripted_model: "ScriptedModel", tmp_path: Path) -> AsyncIterator[str]:
    """The address of a server that uses the scripted model."""
    from genpy_server.testing.running_server import serving  # noqa: PLC0415 - when used

    async with serving(tmp_path, GENPY_LLM_URL=scripted_model.url) as url:
        yield url
