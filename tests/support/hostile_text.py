"""Texts that try to act on a terminal, or to be taken for markup."""

HOSTILE = [
    "\x1b]52;c;aGFja2Vk\x07",
    "\x1b]0;owned\x07",
    "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\",
    "\x1b[2J\x1b[H",
    "\x9b31m\x9d0;t\x9c",
    "\u202ereversed\u202c",
    "[bold]a [/] b[/bold] [@click=app.bell]x[/] list[int]",
    "\x00\x07\x08\x7f",
    "e" + "\u0301" * 5_000,
    "```\n\x1b[31mred\x1b[0m\n```",
    "| a\x1b[31m | b |\n|---|---|\n| \x1b]52;c;eA==\x07 | c |",
    "[x](javascript:alert(1)) ![i](http://evil/\x1b[31m)",
    "\r\rover\rwritten",
    "\ud800",
]
