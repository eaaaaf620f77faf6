"""The interactive mode, or any other script, in a pseudo-terminal: what a person types and sees."""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path

from tests.processes import environment
from tests.texts import ROOT

LIMIT = 60  # seconds that any wait may take on a busy machine
# The interactive mode with a fake model, on a terminal of its own.
WITH_FAKE_MODEL = """
import os, sys
os.close(os.open(os.ttyname(0), os.O_RDWR))  # the leader of a session gets its terminal by opening one
import rnnwords.cli
from tests.cli.repl.fake import HOSTILE, FakeModel
model = FakeModel([HOSTILE])
model.next["mice"] = {HOSTILE: 1.0}
sys.modules["rnnwords.cli.repl.command"].load_predictor = lambda *_: model
rnnwords.cli.main(["repl", "--words", "6", *sys.argv[1:]])
"""

# Runs its arguments as a command whose terminal is a controlling one, which sends SIGHUP when it is closed.
CONTROLLED = """
import os, sys
os.close(os.open(os.ttyname(0), os.O_RDWR))
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """A process in its own pseudo-terminal, and all that it has written."""

    def __init__(
        self, state: Path, *arguments: str | Path, program: Sequence[str] = (sys.executable, "-c", WITH_FAKE_MODEL),
        cwd: Path = ROOT, **changes: str | None,
    ) -> None:  # fmt: skip
        """`state` is XDG_STATE_HOME of the program; `changes` of the environment with None remove a variable."""
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
        defaults = {"TERM": "xterm", "PYTHONUTF8": "1", "XDG_STATE_HOME": str(state), "INPUTRC": "/dev/null"}
        values = environment(**(defaults | {"PYTHONPATH": str(ROOT)} | changes))
        self.process = subprocess.Popen(
            [*program, *arguments], stdin=slave, stdout=slave, stderr=slave, env=values, start_new_session=True, cwd=cwd
        )
        os.close(slave)
        self.raw = b""

    def see(self, text: str, again: str = "") -> None:
        """Wait until the terminal has shown `text`, without colours and cursor movements; press `again` until then.

        Python may handle a Ctrl-C just before it waits for keys only at the next key.
        """
        deadline = time.monotonic() + LIMIT
        pressed = 0.0
        while text not in self.shown():
            assert time.monotonic() < deadline, f"{text!r} is not in {self.shown()!r}"
            if again and time.monotonic() > pressed + 1:
                self.type(again)
                pressed = time.monotonic()
            assert self.read(), f"{text!r} is not in {self.shown()!r}"

    def read(self) -> bool:
        """Read what the process has written, as a terminal does. Return whether it still runs."""
        if select.select([self.master], [], [], 0.1)[0]:
            try:
                data = os.read(self.master, 65_536)
            except OSError:  # Linux reports EIO when the other side is closed
                return False
            self.raw += data
            for _ in range(data.count(b"\x1b[6n")):  # where is the cursor?
                os.write(self.master, b"\x1b[1;1R")
            return data != b""
        return True

    def status(self) -> int:
        """Return the exit status. Output is read until then, since a process may wait for that before it ends."""
        deadline = time.monotonic() + LIMIT
        while self.read():
            assert time.monotonic() < deadline, f"the process does not end: {self.shown()!r}"
        return self.process.wait(LIMIT)

    def shown(self) -> str:
        return re.sub(r"\x1b(\[[0-9;?]*[A-Za-z]|[=>])", "", self.raw.decode(errors="replace"))

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self.master)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self.process.kill()
        self.process.wait()


def unsaved(state: Path) -> list[str]:
    """Return the unsaved texts that were kept."""
    return sorted(path.read_text(encoding="utf-8") for path in (state / "rnnwords").glob("unsaved-*.txt"))
