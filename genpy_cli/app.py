"""The Typer application: every command, in the order and the groups of the help."""

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


app = typer.Typer(
    cls=GroupedHelp,
    help="GenPy: an AI chat for the terminal. Start with `genpy chat`.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
sessions = typer.Typer(
    help="List, read, rename, end, delete and export conversations.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

config = typer.Typer(
    help="Show and change the settings in config.toml.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
keys = typer.Typer(
    help="Keep keys of model providers.", no_args_is_help=True, rich_markup_mode=None
)


def _examples(*lines: str) -> str:
    r"""The examples below a help text; `\b` keeps their lines unwrapped."""
    return "\b\n" + "\n".join(("Examples:", *(f"  {line}" for line in lines)))


app.command(
    rich_help_panel=CHAT,
    epilog=_examples("genpy chat", "genpy chat --session trip-to-rome -m ollama/llama3.2"),
)(chat)
app.command(
    rich_help_panel=CHAT,
    epilog=_examples('genpy ask "What is a monad?"', 'git diff | genpy ask "Review this"'),
)(ask)
app.add_typer(sessions, name="sessions", rich_help_panel=CONVERSATIONS)
app.command(
    rich_help_panel=CONVERSATIONS,
    epilog=_examples("genpy search hotel rome", "genpy search hotel --session trip-to-rome"),
)(search)
app.command(
    rich_help_panel=CONVERSATIONS,
    epilog=_examples("genpy summary last", "genpy summary 3f2a --regenerate"),
)(summary)
app.command(
    rich_help_panel=CONVERSATIONS,
    epilog=_examples("genpy stats", "genpy stats --days 7", "genpy stats --session last"),
)(stats)
app.command(rich_help_panel=CONVERSATIONS, epilog=_examples("genpy rate last 5"))(rate)
app.command(
    rich_help_panel=CONVERSATIONS,
    epilog=_examples("genpy memory", "genpy memory forget 2", "genpy memory off --session rome"),
)(memory)
EXPORT_EXAMPLES = _examples("genpy export last > rome.md", "genpy export --all --output all.json")
app.command(rich_help_panel=CONVERSATIONS, epilog=EXPORT_EXAMPLES)(export)
app.command("import", rich_help_panel=CONVERSATIONS, epilog=_examples("genpy import all.json"))(
    import_
)
app.command(rich_help_panel=SERVER, epilog=_examples("genpy serve", "genpy serve --port 9000"))(
    serve
)
app.command(rich_help_panel=SERVER, epilog=_examples("genpy doctor"))(doctor)
app.command(rich_help_panel=SERVER, epilog=_examples("genpy setup"))(setup)
app.command(rich_help_panel=SERVER, epilog=_examples("genpy mcp"))(mcp)
app.command(rich_help_panel=SERVER, epilog=_examples("genpy tools", "genpy tools revoke deploy"))(
    tools
)
app.command(rich_help_panel=SERVER, epilog=_examples("genpy models", "genpy models --json"))(models)
app.command(rich_help_panel=SERVER, epilog=_examples("genpy learn"))(learn)
app.command(rich_help_panel=SERVER, epilog=_examples('genpy explain "Where is my order?"'))(explain)
app.command(
    rich_help_panel=SERVER, epilog=_examples("genpy schema > schema.sql", "genpy schema --check")
)(schema)
app.command(rich_help_panel=SERVER, epilog=_examples("genpy docs", "genpy docs api"))(docs)

app.add_typer(config, name="config", rich_help_panel=SERVER)
config.command("show", epilog=_examples("genpy config show"))(show_config)
config.command("path", epilog=_examples("genpy config path"))(path)
config.command(
    "set",
    epilog=_examples(
        "genpy config set model ollama/llama3.2",
        "genpy config set providers.work.url https://models.example.org/v1",
    ),
)(set_value)
config.command("edit", epilog=_examples("genpy config edit"))(edit)
app.add_typer(keys, name="keys", rich_help_panel=SERVER)
keys.command("set", epilog=_examples("genpy keys set groq", "genpy keys set groq < key.txt"))(
    set_key
)

sessions.command("list", epilog=_examples("genpy sessions list --limit 50"))(list_sessions)
sessions.command(epilog=_examples("genpy sessions show last", "genpy sessions show 3f2a#17"))(show)
sessions.command(epilog=_examples('genpy sessions rename last "Trip to Rome"'))(rename)
sessions.command(epilog=_examples("genpy sessions end last", "genpy sessions end --abandoned"))(end)
sessions.command(epilog=_examples("genpy sessions delete 3f2a"))(delete)
sessions.command(epilog=EXPORT_EXAMPLES)(export)


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
