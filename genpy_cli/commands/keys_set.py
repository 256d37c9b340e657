"""`genpy keys set`."""

import sys
from typing import Annotated

import typer

from genpy_cli import options, output
from genpy_cli.standard_input import piped_text
from genpy_server import config
from genpy_server.config import KEY_VARIABLES, MCP_KEY, NAME

WAITING = "Waiting for the key on standard input."


def keys_set(
    *,
    name: Annotated[
        str,
        typer.Argument(
            help="The provider it belongs to, such as groq; supabase, server, or mcp.NAME."
        ),
    ],
    remove: Annotated[bool, typer.Option("--remove", help="Remove the key.")] = False,
) -> None:
    """Keep a key in keys.toml; it is typed unseen, or read from standard input."""
    if not (NAME.fullmatch(name) or MCP_KEY.fullmatch(name)):
        raise options.WrongUsageError("A provider's name has 1 to 32 of the characters a-z 0-9 _ -")
    key = None if remove else _read(name)
    path = config.set_key(name, key)
    if remove:
        output.text(f"Removed the key of {name} from {path}.")
        return
    output.text(f"Kept the key of {name} in {path}, readable by you only.")
    read = config.read()
    known = {*read.providers, *KEY_VARIABLES, *(f"mcp.{server}" for server in read.mcp)}
    if name in known:
        return
    if MCP_KEY.fullmatch(name):
        output.note(f"Unknown MCP server. Give it a table [{name}] with its url in config.toml.")
    else:
        output.note(
            f"Unknown provider {name}. Give its address: "
            f"genpy config set providers.{name}.url https://…/v1"
        )


def _read(name: str) -> str:
    if output.is_terminal(sys.stdin):
        from getpass import getpass

        key = getpass(f"Key of {name} (not shown): ", sys.stderr)
    else:
        key = piped_text(WAITING)
    key = key.strip()
    if not key or not (key.isascii() and key.isprintable()):
        raise options.WrongUsageError("A key has at least one character, all of them ASCII.")
    return key
