"""The Typer application: every command, in the order and the groups of the help."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from genpy_server import __version__

CHAT = "Chat"
CONVERSATIONS = "Conversations"
SERVER = "Setup and server"

EXPORTS = ("genpy export last > rome.md", "genpy export --all --output all.json")
COMMANDS: dict[str, dict[str, tuple[str, ...]]] = {
    CHAT: {
        "chat": ("genpy chat", "genpy chat --session trip-to-rome -m ollama/llama3.2"),
        "ask": ('genpy ask "What is a monad?"', 'git diff | genpy ask "Review this"'),
    },
    CONVERSATIONS: {
        "search": ("genpy search hotel rome", "genpy search hotel --session trip-to-rome"),
        "summary": ("genpy summary last", "genpy summary 3f2a --regenerate"),
        "stats": ("genpy stats", "genpy stats --days 7", "genpy stats --session last"),
        "rate": ("genpy rate last 5",),
        "memory": ("genpy memory", "genpy memory forget 2", "genpy memory off --session rome"),
        "export": EXPORTS,
        "import": ("genpy import all.json",),
        "sessions list": ("genpy sessions list --limit 50",),
        "sessions show": ("genpy sessions show last", "genpy sessions show 3f2a#17"),
        "sessions rename": ('genpy sessions rename last "Trip to Rome"',),
        "sessions end": ("genpy sessions end last", "genpy sessions end --abandoned"),
        "sessions delete": ("genpy sessions delete 3f2a",),
        "sessions export": EXPORTS,
    },
    SERVER: {
        "serve": ("genpy serve", "genpy serve --port 9000"),
        "doctor": ("genpy doctor",),
        "setup": ("genpy setup",),
        "mcp": ("genpy mcp",),
        "tools": ("genpy tools", "genpy tools revoke deploy"),
        "models": ("genpy models", "genpy models --json"),
        "learn": ("genpy learn",),
        "explain": ('genpy explain "Where is my order?"',),
        "schema": ("genpy schema > schema.sql", "genpy schema --check"),
        "docs": ("genpy docs", "genpy docs api"),
        "config show": ("genpy config show",),
        "config path": ("genpy config path",),
        "config set": (
            "genpy config set model ollama/llama3.2",
            "genpy config set providers.work.url https://models.example.org/v1",
        ),
        "config edit": ("genpy config edit",),
        "keys set": ("genpy keys set groq", "genpy keys set groq < key.txt"),
    },
}
"""The commands by the groups of the help, each with its examples."""
MODULES = {"import": "import_", "sessions export": "export"}
"""Modules of `commands` that are not named as their command; each has a function of its name."""
GROUPS = {
    "sessions": (CONVERSATIONS, "List, read, rename, end, delete and export conversations."),
    "config": (SERVER, "Show and change the settings in config.toml."),
    "keys": (SERVER, "Keep keys of model providers."),
}


class GroupedHelp(TyperGroup):
    """Shows commands under the title of their group; Typer's Rich help would take twice the time."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands, group by group."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command: Any = self.get_command(ctx, name)
            panel = command.rich_help_panel
            group = panel if isinstance(panel, str) else "Commands"
            groups.setdefault(group, []).append((name, command.get_short_help_str(sys.maxsize)))
        for group, rows in groups.items():
            with formatter.section(group):
                formatter.write_dl(rows)


def application(words: Sequence[str] = ()) -> typer.Typer:
    """The application: with every command, or with only the one that `words` call.

    Imports of the other commands take a tenth of the time of a short one.
    """
    app = typer.Typer(
        cls=GroupedHelp,
        help="GenPy: an AI chat for the terminal. Start with `genpy chat`.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback()(_options)
    groups = {"": app}
    for name, (panel, about) in GROUPS.items():
        groups[name] = typer.Typer(help=about, no_args_is_help=True, rich_markup_mode=None)
        app.add_typer(groups[name], name=name, rich_help_panel=panel)
    rows = [(panel, *row) for panel, commands in COMMANDS.items() for row in commands.items()]
    called = [row for row in rows if row[1].split() == list(words[: len(row[1].split())])]
    for panel, name, examples in called or rows:
        module = MODULES.get(name, name.replace(" ", "_"))
        command = getattr(import_module(f"genpy_cli.commands.{module}"), module)
        group, _, own_name = name.rpartition(" ")
        # `\b` keeps the lines of the examples unwrapped.
        epilog = "\n".join(("\b", "Examples:", *(f"  {line}" for line in examples)))
        groups[group].command(own_name, epilog=epilog, rich_help_panel=panel)(command)
    return app


def _show_version(value: bool) -> None:  # noqa: FBT001 - how Typer calls it
    if value:
        typer.echo(f"genpy {__version__}")
        raise typer.Exit


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
