"""`genpy mcp`."""

from genpy_cli import backend, options
from genpy_server.errors import ConfigError


def mcp(*, server: options.Server = None) -> None:
    """Serve your conversations to an agent over MCP, on standard input and output."""
    from genpy_server.mcp import MISSING, is_installed

    if not is_installed():
        raise ConfigError(MISSING)
    from genpy_server.mcp.server import mcp_server

    backend.with_records(server, lambda records: mcp_server(records).run_stdio_async())
