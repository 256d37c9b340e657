"""The Typer application: every command, in the order and the groups of the help."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from genpy_cli.commands.ask import ask
from genpy_cli.commands.chat import chat
from genpy_cli.commands.config_edit import edit
from genpy_cli.commands.config_path import path
from genpy_cli.commands.config_set import set_value
from genpy_cli.commands.config_show import show_config
from genpy_cli.commands.docs import docs
from genpy_cli.commands.doctor import doctor
from genpy_cli.commands.explain import explain
from genpy_cli.commands.export import export
from genpy_cli.commands.import_ import import_
from genpy_cli.commands.keys_set import set_key
from genpy_cli.commands.learn import learn
from genpy_cli.commands.mcp import mcp
from genpy_cli.commands.memory import memory
from genpy_cli.commands.models import models
from genpy_cli.commands.rate import rate
from genpy_cli.commands.schema import schema
from genpy_cli.commands.search import search
from genpy_cli.commands.serve import serve
from genpy_cli.commands.sessions_delete import delete
from genpy_cli.commands.sessions_end import end
from genpy_cli.commands.sessions_list import list_sessions
from genpy_cli.commands.sessions_rename import rename
from genpy_cli.commands.sessions_show import show
from genpy_cli.commands.setup import setup
from genpy_cli.commands.stats import stats
from genpy_cli.commands.summary import summary
from genpy_cli.commands.tools import tools
from genpy_server import __version__

CHAT = "Chat"
CONVERSATIONS = "Conversations"
SERVER = "Setup and server"


class GroupedHelp(TyperGroup):
    """Shows commands under the title of their group; Typer's Rich help would take twice the time."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands, group by group."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command: Any = self.get_command(ctx, name)
            panel = command.rich_help_panel
            group = panel if isinstance(panel, str) else "Commands"
            groups.setdefault(group, []).append((name, command.get_short_help_str(formatter.width)))
        for group, rows in groups.items():
            with formatter.section(group):
                formatter.write_dl(rows)


def _group(about: str, **options: Any) -> typer.Typer:
    return typer.Typer(help=about, no_args_is_help=True, rich_markup_mode=None, **options)


def _add(
    to: typer.Typer,
    command: Callable[..., None],
    *examples: str,
    name: str | None = None,
    panel: str | None = None,
) -> None:
    r"""Add a command with examples below its help; `\b` keeps their lines unwrapped."""
    epilog = "\n".join(("\b", "Examples:", *(f"  {line}" for line in examples)))
    to.command(name, epilog=epilog, rich_help_panel=panel)(command)


app = _group(
    "GenPy: an AI chat for the terminal. Start with `genpy chat`.",
    cls=GroupedHelp,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
sessions = _group("List, read, rename, end, delete and export conversations.")
config = _group("Show and change the settings in config.toml.")
keys = _group("Keep keys of model providers.")
app.add_typer(sessions, name="sessions", rich_help_panel=CONVERSATIONS)
app.add_typer(config, name="config", rich_help_panel=SERVER)
app.add_typer(keys, name="keys", rich_help_panel=SERVER)


EXPORTS = ("genpy export last > rome.md", "genpy export --all --output all.json")
_add(app, chat, "genpy chat", "genpy chat --session trip-to-rome -m ollama/llama3.2", panel=CHAT)
_add(app, ask, 'genpy ask "What is a monad?"', 'git diff | genpy ask "Review this"', panel=CHAT)

_add_stored = partial(_add, app, panel=CONVERSATIONS)
_add_stored(search, "genpy search hotel rome", "genpy search hotel --session trip-to-rome")
_add_stored(summary, "genpy summary last", "genpy summary 3f2a --regenerate")
_add_stored(stats, "genpy stats", "genpy stats --days 7", "genpy stats --session last")
_add_stored(rate, "genpy rate last 5")
_add_stored(memory, "genpy memory", "genpy memory forget 2", "genpy memory off --session rome")
_add_stored(export, *EXPORTS)
_add_stored(import_, "genpy import all.json", name="import")

_add_server = partial(_add, app, panel=SERVER)
_add_server(serve, "genpy serve", "genpy serve --port 9000")
_add_server(doctor, "genpy doctor")
_add_server(setup, "genpy setup")
_add_server(mcp, "genpy mcp")
_add_server(tools, "genpy tools", "genpy tools revoke deploy")
_add_server(models, "genpy models", "genpy models --json")
_add_server(learn, "genpy learn")
_add_server(explain, 'genpy explain "Where is my order?"')
_add_server(schema, "genpy schema > schema.sql", "genpy schema --check")
_add_server(docs, "genpy docs", "genpy docs api")

_add(config, show_config, "genpy config show", name="show")
_add(config, path, "genpy config path")
_add(
    config,
    set_value,
    "genpy config set model ollama/llama3.2",
    "genpy config set providers.work.url https://models.example.org/v1",
    name="set",
)
_add(config, edit, "genpy config edit")
_add(keys, set_key, "genpy keys set groq", "genpy keys set groq < key.txt", name="set")
_add(sessions, list_sessions, "genpy sessions list --limit 50", name="list")
_add(sessions, show, "genpy sessions show last", "genpy sessions show 3f2a#17")
_add(sessions, rename, 'genpy sessions rename last "Trip to Rome"')
_add(sessions, end, "genpy sessions end last", "genpy sessions end --abandoned")
_add(sessions, delete, "genpy sessions delete 3f2a")
_add(sessions, export, *EXPORTS)


def _show_version(value: bool) -> None:  # noqa: FBT001 - how Typer calls it
    if value:
        typer.echo(f"genpy {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_show_version, is_eager=True
        ),
    ] = False,
) -> None:
    pass
