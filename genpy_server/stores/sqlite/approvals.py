"""The SQL of permissions of tools."""

import sqlite3

from genpy_server.stores.base import ApprovedTool
from genpy_server.stores.sqlite.schema import NOW


def approved_tools(connection: sqlite3.Connection, user_id: str) -> list[ApprovedTool]:
    rows = connection.execute(
        "SELECT name, digest, created_at FROM tool_approvals WHERE user_id = ? ORDER BY name",
        (user_id,),
    )
    return [ApprovedTool(*row) for row in rows]


def approve_tool(connection: sqlite3.Connection, user_id: str, name: str, digest: str) -> None:
    connection.execute(
        f"INSERT OR REPLACE INTO tool_approvals VALUES (?, ?, ?, {NOW})", (user_id, name, digest)
    )


def revoke_tool(connection: sqlite3.Connection, user_id: str, name: str) -> bool:
    gone = connection.execute(
        "DELETE FROM tool_approvals WHERE user_id = ? AND name = ?", (user_id, name)
    )
    return gone.rowcount > 0
