"""How a long reply is shown: GenPy's client beside Textual's MarkdownStream and whole updates.

    python benchmarks/streaming.py [--tokens 500,2000] [--kinds mixed,fence] [--techniques …]

Each run is a real client on a real terminal of its own (a pty of 120x40), over a real socket, with
a server process that sends one token a frame at 500 a second, while keys are typed ten times a
second. Times are milliseconds.
"""

import argparse
import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path
from typing import Any

import streaming_texts

HERE = Path(__file__).parent
RATE = 500
STARTUP = 15.0
"""Seconds in which a client must be there."""
COLUMNS, ROWS = 120, 40
KEYS = "abcdefghij"
KEY_PAUSE = 0.1
SLOWEST = 1.5
"""A client that takes so many times longer than the server is given up."""
HEAD = (
    f"{'reply':<10} {'tokens':>6}  {'technique':<9} {'CPU/token':>9} {'stall p99':>9} "
    f"{'worst':>6} {'key p95':>7} {'paints/s':>8} {'after end':>9} {'MB':>5}"
)


def terminal(command: list[str]) -> tuple[subprocess.Popen[bytes], int]:
    """A program on a terminal of its own; returns it and our end of the terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    environment["PYTHONPATH"] = str(HERE.parent)
    environment.pop("NO_COLOR", None)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as installed, compiled once
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    return process, ours


def drain(ours: int, process: subprocess.Popen[bytes], until: float) -> None:
    """Read what the program writes and type to it, until it ends or the time is over."""
    next_key, typed = time.monotonic() + 1, 0
    while process.poll() is None and time.monotonic() < until:
        readable, _, _ = select.select([ours], [], [], 0.02)
        if readable:
            try:
                os.read(ours, 65536)
            except OSError:
                break
        if time.monotonic() >= next_key:
            next_key += KEY_PAUSE
            os.write(ours, KEYS[typed % len(KEYS)].encode())
            typed += 1


def run(technique: str, kind: str, tokens: int) -> dict[str, Any] | None:
    """The figures of one run; None when it was given up."""
    command = [sys.executable, str(HERE / "streaming_server.py"), kind, str(tokens), str(RATE)]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert server.stdout is not None
    url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        client, ours = terminal(
            [sys.executable, str(HERE / "streaming_client.py"), technique, url, str(result)]
        )
        drain(ours, client, time.monotonic() + STARTUP + SLOWEST * tokens / RATE)
        crashed = client.poll()
        client.kill()
        client.wait()
        os.close(ours)
        server.kill()
        server.wait()
        if crashed:
            raise SystemExit(f"The client of {technique} ended with {crashed}.")
        return json.loads(result.read_text()) if result.exists() else None


def row(technique: str, kind: str, tokens: int) -> str:
    """One run as a line of the table."""
    figures = run(technique, kind, tokens)
    start = f"{kind:<10} {tokens:>6}  {technique:<9} "
    if figures is None:
        return start + f"not done after {SLOWEST:g} times the sender's time"
    return start + (
        f"{figures['cpu'] * 1000 / tokens:>9.2f} {figures['stall_p99']:>9.0f} "
        f"{figures['stall_worst']:>6.0f} {figures['echo_p95']:>7.0f} {figures['paints']:>8.1f} "
        f"{figures['after']:>9.0f} {figures['memory']:>5.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", default="500,2000")
    parser.add_argument("--kinds", default=",".join(streaming_texts.KINDS))
    parser.add_argument("--techniques", default="genpy,stream,update")
    options = parser.parse_args()
    print(HEAD)
    for kind in options.kinds.split(","):
        for tokens in map(int, options.tokens.split(",")):
            for technique in options.techniques.split(","):
                print(row(technique, kind, tokens), flush=True)


if __name__ == "__main__":
    main()
