"""Parts that tests in several folders share and that are slow to start: one of each per run."""

import gc
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from support.supabase_stack import FIRST_VERSION, SCHEMA, Database, Stack, missing, need
from support.time_bound import pytest_enter_pdb, pytest_runtest_protocol

__all__ = ["pytest_enter_pdb", "pytest_runtest_protocol"]

# The same examples in every run; `pytest --hypothesis-profile=explore` looks for new ones.
hypothesis.settings.register_profile("repeatable", max_examples=50, derandomize=True, deadline=None)
hypothesis.settings.register_profile("explore", max_examples=2_000, deadline=None)
hypothesis.settings.load_profile("repeatable")

# What runs in the background of a shell ignores Ctrl-C, and would pass that on to its processes.
signal.signal(signal.SIGINT, signal.default_int_handler)


gc.set_threshold(50_000)


def pytest_collection_finish() -> None:
    """Leave modules and tests out of every later search for garbage: one in fifteen seconds."""
    gc.collect()
    gc.freeze()


def pytest_make_parametrize_id(val: object) -> str | None:
    """Shorten the long texts in names of tests: a name is a variable of every process it starts."""
    return f"{val[:40]!a}..." if isinstance(val, str | bytes) and len(val) > 200 else None


@pytest.fixture(scope="session")
def database_server() -> Iterator[Database]:
    """PostgreSQL where it is installed, else PGlite."""
    need()
    database = Database.new()
    yield database
    database.remove()


@pytest.fixture(scope="session")
def supabase(database_server: Database) -> Iterator[Stack]:
    """Supabase Lite over a database that GenPy's first version began."""
    stack = Stack.new(database=database_server)
    stack.start(FIRST_VERSION, SCHEMA)
    yield stack
    stack.stop_api()


@pytest.fixture(scope="session")
def postgrest(database_server: Database) -> Iterator[Stack]:
    """The real PostgREST over an empty database."""
    need("postgrest")
    stack = Stack.new("postgrest", database_server, "genpy_postgrest")
    stack.start()
    yield stack
    stack.stop_api()


@pytest.fixture
def quick(request: pytest.FixtureRequest) -> Stack:
    """PostgREST where the machine has it, which is the faster API, else Supabase Lite."""
    slow = missing("postgrest") is not None
    found: Stack = request.getfixturevalue("supabase" if slow else "postgrest")
    return found


@pytest.fixture
def own_certificate(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """TLS with a certificate for 127.0.0.1 that a server made for itself, and its file."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the command openssl")
    made, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    words = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost"
    command = [
        *words.split(),
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-out",
        made,
        "-keyout",
        key,
    ]
    subprocess.run(command, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(made, key)
    return tls, made
