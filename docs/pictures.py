"""Write docs/terminal.svg, docs/repl.svg and docs/tour.json from real output: `make pictures`.

Trains the bundled fable in a temporary directory, runs the commands of the README in a pseudo-terminal, and draws what
the terminal shows. Speeds and times in the output are those of the machine that runs this script.
"""

import codecs
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from io import StringIO
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
FABLE = ("--example", "fable")
COLUMNS = 128
LIMIT = 300.0  # seconds
PROMPT = "\x1b[1;32m$\x1b[0m "
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
# No web font, so that the picture fetches nothing.
FORMAT = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace(
    "Fira Code, monospace", FONTS
)
THEME = TerminalTheme(
    (22, 27, 34), (201, 209, 217),
    [(72, 79, 88), (255, 123, 114), (63, 185, 80), (210, 153, 34), (88, 166, 255), (188, 140, 255), (57, 197, 207),
     (177, 186, 196)],
    [(110, 118, 129), (255, 161, 152), (86, 211, 100), (227, 179, 65), (121, 192, 255), (210, 168, 255),
     (86, 212, 221), (240, 246, 252)],
)  # fmt: skip
TOKEN = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b\][^\x07]*\x07|\x1b.|[\r\n\b]|[^\x1b\r\n\b]", re.DOTALL)


class Screen:
    """What a terminal shows after some bytes: as much of a terminal as rich and prompt_toolkit use."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.cells: dict[tuple[int, int], tuple[str, str]] = {}  # row, column -> style, character
        self.row = self.column = 0
        self.style = ""

    def feed(self, text: str) -> str:
        """Show a text; return what a terminal answers, which is its cursor position where it is queried."""
        answer = ""
        for match in TOKEN.finditer(text):
            token, numbers, command = match[0], match[1], match[2]
            if command == "n":
                answer += f"\x1b[{self.row + 1};{self.column + 1}R"
            elif command == "m":
                self.style = "" if numbers in ("", "0") else self.style + token
            elif command:
                self._move(command, [int(number or 0) for number in (numbers or "0").lstrip("?").split(";")])
            elif token == "\n":
                self.row += 1
            elif token == "\r":
                self.column = 0
            elif token == "\b":
                self.column -= 1
            elif not token.startswith("\x1b"):
                if self.column == self.columns:
                    self.row, self.column = self.row + 1, 0
                self.cells[self.row, self.column] = (self.style, token)
                self.column += 1
        return answer

    def _move(self, command: str, numbers: list[int]) -> None:
        """Move the cursor, or erase from it to the end of the line (K) or of the screen (J)."""
        count = numbers[0] or 1
        if command in "AB":
            self.row = max(0, self.row + (count if command == "B" else -count))
        elif command in "CD":
            self.column = max(0, self.column + (count if command == "C" else -count))
        elif command == "G":
            self.column = count - 1
        elif command == "H":
            self.row, self.column = count - 1, (numbers[1] or 1) - 1 if len(numbers) > 1 else 0
        elif command in "JK":
            first = 0 if numbers[0] == 2 else self.column
            for row, column in list(self.cells):
                if (row == self.row and column >= first) or (command == "J" and row > self.row):
                    del self.cells[row, column]

    def lines(self) -> list[str]:
        """Return the lines with their colours as ANSI sequences."""
        rows = 1 + max((row for row, _ in self.cells), default=-1)
        lines = []
        for row in range(rows):
            width = 1 + max((column for at, column in self.cells if at == row), default=-1)
            cells = [self.cells.get((row, column), ("", " ")) for column in range(width)]
            lines.append("".join(f"\x1b[0m{style}{character}" for style, character in cells) + "\x1b[0m")
        return lines

    def plain(self) -> str:
        """Return the text alone."""
        return "\n".join(Text.from_ansi(line).plain for line in self.lines())


def in_terminal(
    directory: Path, *arguments: str, rows: int = 40, columns: int = COLUMNS, keys: str = "", until: str = ""
) -> Screen:
    """Run rnnwords in a pseudo-terminal; press `keys`, and return what the screen shows once it shows `until`."""
    screen = Screen(columns)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    unset = {"NO_COLOR", "COLUMNS", "LINES", "RNNWORDS_MODEL"}
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    environment |= {"TERM": "xterm-256color", "HOME": str(directory), "XDG_STATE_HOME": str(directory)}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with subprocess.Popen(
        [sys.executable, "-m", "rnnwords", *arguments], cwd=directory, env=environment, stdin=theirs, stdout=theirs,
        stderr=theirs, start_new_session=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        deadline, typed = time.monotonic() + LIMIT, 0
        while time.monotonic() < deadline:
            if select.select([ours], [], [], 0.5)[0]:
                try:
                    data = os.read(ours, 65536)
                except OSError:  # the program has ended
                    break
                os.write(ours, screen.feed(decoder.decode(data)).encode())
            elif typed < len(keys) and screen.cells:  # the program waits
                os.write(ours, keys[typed].encode())
                typed += 1
            elif until and until in screen.plain():
                break
        if keys:
            process.kill()
    os.close(ours)
    if until not in screen.plain() or (process.returncode and not keys):
        sys.exit(f"expected {until or 'success'}, found:\n{screen.plain()}")
    return screen


def piped(directory: Path, writer: str, *arguments: str) -> str:
    """Return the command `WRITER | rnnwords ARGUMENTS` with its output."""
    command = [sys.executable, "-m", "rnnwords", *arguments]
    done = subprocess.run(
        ["sh", "-c", f'{writer} | "$@"', "sh", *command], cwd=directory, capture_output=True, text=True, check=True
    )
    return f"$ {writer} | rnnwords {' '.join(arguments)}\n{done.stdout.strip()}"


def save_picture(path: Path, title: str, lines: list[str], columns: int = COLUMNS) -> None:
    """Write lines with ANSI colours as an SVG of a terminal."""
    console = Console(record=True, width=columns, file=StringIO(), force_terminal=True, legacy_windows=False)
    for line in lines:
        console.print(Text.from_ansi(line), highlight=False, soft_wrap=True)
    path.write_text(console.export_svg(title=title, theme=THEME, code_format=FORMAT) + "\n", encoding="utf-8")


def recorded(directory: Path, *arguments: str) -> tuple[str, Screen]:
    """Return a command as it is typed, and what the terminal shows."""
    typed = " ".join(f'"{word}"' if " " in word else word for word in ["rnnwords", *arguments])
    return typed, in_terminal(directory, *arguments)


def main() -> None:
    """Record, draw, write."""
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        train = recorded(directory, "train", *FABLE, "--seed", "1")
        picture = [
            train,
            recorded(directory, "predict", "had a general"),
            recorded(directory, "generate", "had a general", "--words", "40"),
        ]
        tour = {
            "train": train,
            "predict": recorded(directory, "predict", "had a", "--prefix", "c"),
            "generate": recorded(directory, "generate", "you will all agree", "--until-sentence"),
        }
        texts = {name: f"$ {typed}\n{screen.plain().strip()}" for name, (typed, screen) in tour.items()}
        texts["pipe"] = piped(directory, "printf 'had a\\nto the\\n'", "predict", "-k", "2", "--json", "--quiet")
        repl = in_terminal(directory, "repl", rows=12, columns=92, keys="had a ", until="council")
    lines = [line for typed, screen in picture for line in ("", f"{PROMPT}\x1b[1m{typed}\x1b[0m", *screen.lines())]
    save_picture(DOCS / "terminal.svg", "rnnwords", lines[1:])
    save_picture(DOCS / "repl.svg", "rnnwords repl", repl.lines(), repl.columns)
    (DOCS / "tour.json").write_text(json.dumps(texts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
