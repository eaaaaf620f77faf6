"""Time and memory of the language server: start, completions while typing, inline completions.

    python benchmarks/editor.py [--repeats N] [--keystrokes N] [--text FILE] [--json]

The client starts `rnnwords lsp` and exchanges messages with it through real pipes. The models have random weights,
which do not influence the time. Each keystroke is one letter: an incremental change of the document, and a request for
completion, whose answer is awaited. The text begins with 3,000 characters, so that the context is full.
Prints a Markdown table of medians of --repeats servers.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from machine import print_rows
from prediction import PROGRAM
from random_model import contexts, save

from rnnwords.model_file import Model
from rnnwords.server.framing import MessageReader, framed

URI = "file:///draft.txt"
FILLED = 3_000  # characters of the document before the first keystroke


class Client:
    """A language client that waits for each response."""

    def __init__(self, model: Path) -> None:
        self.process = subprocess.Popen(
            [*PROGRAM, "lsp", "--quiet", "--model", str(model)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self.reader, self.ids = MessageReader(), itertools.count()

    def notify(self, method: str, **params: Any) -> None:
        """Send a notification."""
        self._send({"method": method, "params": params})

    def ask(self, method: str, **params: Any) -> Any:
        """Send a request, and return the result."""
        self._send({"id": next(self.ids), "method": method, "params": params})
        assert self.process.stdout is not None
        while True:
            for content in self.reader.feed(self.process.stdout.read(65536)):
                return json.loads(content)["result"]

    def _send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(framed(json.dumps({"jsonrpc": "2.0", **message}).encode()))

    def ask_at(self, method: str, character: int) -> Any:
        """Send a request at a place of the second line, and return the result."""
        position = {"line": 1, "character": character}
        return self.ask(f"textDocument/{method}", textDocument={"uri": URI}, position=position)

    def type(self, letter: str, character: int) -> None:
        """Insert a letter at a place of the second line."""
        place = {"line": 1, "character": character}
        change = {"range": {"start": place, "end": place}, "text": letter}
        self.notify("textDocument/didChange", textDocument={"uri": URI, "version": 1}, contentChanges=[change])

    def megabytes(self) -> float:
        """Return the peak memory of the server so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


@contextmanager
def attached(model: Path) -> Iterator[tuple[Client, float]]:
    """Start a server and shut it down at the end; yield the client, and the seconds until it was attached."""
    begun = time.perf_counter()
    client = Client(model)
    client.ask("initialize", processId=None, rootUri=None, capabilities={})
    seconds = time.perf_counter() - begun
    client.notify("initialized")
    yield client, seconds
    client.ask("shutdown")
    client.notify("exit")
    client.process.wait()


def measured(model: Path, filled: str, typed: str) -> dict[str, Any]:
    """Return the figures of one server: start, keystrokes and inline completions in seconds, memory in megabytes."""
    keystrokes, inline = [], []
    with attached(model) as (client, start):
        item = {"uri": URI, "languageId": "plaintext", "version": 0, "text": filled + "\n"}
        client.notify("textDocument/didOpen", textDocument=item)
        for place, letter in enumerate(typed):
            begun = time.perf_counter()
            client.type(letter, place)
            client.ask_at("completion", place + 1)
            keystrokes.append(time.perf_counter() - begun)
            if letter == " ":
                begun = time.perf_counter()
                client.ask_at("inlineCompletion", place + 1)
                inline.append(time.perf_counter() - begun)
        memory = client.megabytes()
    return {"start": start, "keystrokes": keystrokes, "inline": statistics.median(inline), "memory": memory}


def rows_of(name: str, model: Path, options: argparse.Namespace) -> list[list[str]]:
    """Return the rows of one model."""
    words = list(Model.load(model).vocabulary.words)
    count = (FILLED + options.keystrokes) // 2
    text = " ".join(contexts(words, count, options.text)[::3])
    filled, typed = text[:FILLED], text[FILLED : FILLED + options.keystrokes]
    runs = [measured(model, filled, typed) for _ in range(options.repeats)]
    p95 = statistics.median(statistics.quantiles(run["keystrokes"], n=20)[-1] for run in runs) * 1e3
    middle = statistics.median(statistics.median(run["keystrokes"]) for run in runs) * 1e3
    slowest = max(max(run["keystrokes"]) for run in runs) * 1e3
    start, inline = (statistics.median(run[key] for run in runs) for key in ("start", "inline"))
    memory = max(run["memory"] for run in runs)
    what = f"V 10,000, 2 x 512, {name}"
    return [
        [f"completion per keystroke in an editor, {what}: p95", "20 ms", f"{p95:.1f} ms",
         f"{len(runs)} x {len(typed):,} keystrokes, median {middle:.1f} ms, slowest {slowest:.0f} ms"],
        [f"inline completion up to 32 words, {what}", "", f"{inline * 1e3:.0f} ms", "one after each space"],
        [f"language server attached, {what}", "1 s", f"{start:.2f} s", "from the start of the process, with the model"],
        [f"memory of the language server, {what}", "150 MB", f"{memory:.0f} MB", "peak, after all of the above"],
    ]  # fmt: skip


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--keystrokes", type=int, default=1_000)
    parser.add_argument("--text", type=Path, help="running text for contexts, 100,000 words or more")
    parser.add_argument("--json", action="store_true", help="the rows as JSON")
    options = parser.parse_args()
    head = ["what", "target", "measured", "values"]
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        for name, mode in (("window 3", "windows"), ("stateful", "stateful")):
            rows += rows_of(name, save(Path(directory) / f"{mode}.safetensors", 10_000, mode=mode), options)
    print_rows(head, rows, options.json)


if __name__ == "__main__":
    main()
