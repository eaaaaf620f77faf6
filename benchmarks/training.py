"""Training: speed against PyTorch, large vocabularies, counting words, memory, precision, time of saving.

    python benchmarks/training.py --torch PYTHON --text novels.txt --novel novel.txt [--rows speed,text,...]

PYTHON is an interpreter with torch 2.13.0 and numpy. The texts are a large one (tens of megabytes) and a single book.
Prints a Markdown table. Speeds are medians of --repeats runs; the sides of a ratio are measured in alternation.
"""

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from machine import in_turns, machine, process, report, run_json, table, unsupported

from rnnwords.training.optimization.precision import bfloat16_is_slow

HERE = Path(__file__).parent
STATEFUL = ["--units", "650", "--window", "35", "--batch", "20", "--stateful", "--optimizer", "sgd", "--dropout", "0.5",
            "--clip", "1"]  # fmt: skip
BFLOAT16 = ["--precision", "bfloat16"]


def speed(options: argparse.Namespace) -> list[list[str]]:
    """Return rows: steps per second against PyTorch, and the share of the machine's matrix product rate.

    Without bfloat16 both compute in float32. PyTorch would emulate bfloat16 there, many times slower, or has no LSTM
    in it.
    """
    reason = bfloat16_is_slow()
    shares: list[float] = []

    def ours(*more: object) -> float:
        result = run_json(
            sys.executable, HERE / "step_ours.py", "--precision", "float32" if reason else "bfloat16", *more
        )
        shares.append(result["flops"] / result["gemm"])
        return float(result["words"])

    def theirs(*more: object) -> float:
        return float(run_json(options.torch, HERE / "step_torch.py", *more)["words"])

    sides = {"ours": ours, "float32": theirs}
    lacking = reason or run_json(options.torch, HERE / "step_torch.py", *BFLOAT16, "--steps", 1).get("unsupported", "")
    if not lacking:
        sides["bfloat16"] = lambda: theirs(*BFLOAT16)
    windows = in_turns(options.repeats, **sides)
    share = statistics.median(shares)
    running = in_turns(options.repeats, ours=lambda: ours(*STATEFUL), float32=lambda: theirs(*STATEFUL))
    what = "words per second, V 10,000, 2 x 512, window 3, batch 256, Adam"
    autocast = ["the same against PyTorch with bfloat16 autocast", "1.2 x"]
    gemm = ["share of the machine's bfloat16 GEMM rate in the first row", "45 %"]
    return [
        [what + ": against PyTorch float32", "1.9 x", *_ratio(windows["ours"], windows["float32"])],
        unsupported(*autocast, lacking) if lacking else [*autocast, *_ratio(windows["ours"], windows["bfloat16"])],
        ["stateful, V 10,000, 2 x 650, T 35, batch 20, against PyTorch float32", "1.3 x",
         *_ratio(running["ours"], running["float32"])],
        unsupported(*gemm, reason) if reason else [*gemm, f"{share:.0%}", "FLOP of the step / s"],
    ]  # fmt: skip


def pieces(options: argparse.Namespace) -> list[list[str]]:
    """Return a row: layers that pass their outputs on in pieces, against layers that wait for all words of a step."""

    def ours(*more: object) -> float:
        return float(run_json(sys.executable, HERE / "step_ours.py", *STATEFUL, *more)["words"])

    rates = in_turns(options.repeats, pieces=ours, whole=lambda: ours("--piece", 35))
    what = "stateful, as above: layers that pass their outputs on in pieces, against all at once"
    return [[what, "", *_ratio(rates["pieces"], rates["whole"])]]


def _ratio(ours: float, theirs: float) -> list[str]:
    return [f"{ours / theirs:.2f} x", f"{ours:,.0f} and {theirs:,.0f} words/s"]


def softmax(options: argparse.Namespace) -> list[list[str]]:
    """Return rows: adaptive against full softmax at V 100,000, speed and validation loss after equal steps."""

    def ours(kind: str) -> float:
        more = ["--vocabulary", 100_000, "--softmax", kind, "--calls", 3, "--steps", 5]
        return float(run_json(sys.executable, HERE / "step_ours.py", *more)["words"])

    rates = in_turns(options.repeats, adaptive=lambda: ours("adaptive"), full=lambda: ours("full"))
    losses = {}
    for kind in ("adaptive", "full"):
        losses[kind] = train(
            options.text, "--softmax", kind, "--no-tie", "--max-size", 100_000, "--min-count", 1,
            "--iterations", options.steps, "--dropout", 0,
        )["loss"]  # fmt: skip
    return [
        [
            "V 100,000, adaptive against full softmax, words per second",
            "3 x",
            *_ratio(rates["adaptive"], rates["full"]),
        ],
        ["the same, validation loss", "within 2 %", *_losses(losses, f"after {options.steps} steps")],
    ]


def converged(options: argparse.Namespace) -> list[list[str]]:
    """Return a row: adaptive against full softmax over all words of a book, at the best validation loss."""
    losses = {}
    for kind in ("adaptive", "full"):
        losses[kind] = train(
            options.novel, "--softmax", kind, "--no-tie", "--max-size", 100_000, "--min-count", 1, "--units", 256
        )["loss"]
    what = "adaptive against full softmax, all words of a book, 256 units: validation loss at the end"
    return [[what, "within 2 %", *_losses(losses, "with default settings")]]


def _losses(losses: dict[str, float], when: str) -> list[str]:
    change = losses["adaptive"] / losses["full"] - 1
    return [f"{change:+.1%}", f"{losses['adaptive']:.3f} and {losses['full']:.3f} nats {when}"]


def train(text: Path, *more: object) -> dict[str, Any]:
    """Return the report of a training in a temporary directory."""
    with tempfile.TemporaryDirectory() as directory:
        return report("train", text, "--model", f"{directory}/run", "--seed", 1, *more)


def precision(options: argparse.Namespace) -> list[list[str]]:
    """Return a row: validation perplexity with bfloat16 and with float32 products, same seed."""
    row = ["--precision: validation perplexity, bfloat16 against float32, same seed", "within 1 %"]
    if reason := bfloat16_is_slow():
        return [unsupported(*row, reason)]
    reports = {kind: train(options.novel, "--precision", kind, "--epochs", 4) for kind in ("bfloat16", "float32")}
    change = reports["bfloat16"]["perplexity"] / reports["float32"]["perplexity"] - 1
    shown = f"{reports['bfloat16']['perplexity']:.2f} and {reports['float32']['perplexity']:.2f}, 4 epochs"
    return [[*row, f"{change:+.2%}", shown]]


COUNTER = """
import sys
from collections import Counter
from rnnwords.config import TextConfig
from rnnwords.text.tokens.tokenizer import tokenize
counts, text = Counter(), TextConfig()
with open(sys.argv[1], encoding="utf-8") as stream:
    while lines := stream.readlines(1 << 20):
        counts.update(tokenize("".join(lines), text))
with open(sys.argv[2], "w", encoding="utf-8") as out:
    out.writelines(f"{word}\\t{count}\\n" for word, count in counts.most_common())
"""
SORT = r"""tr -sc "[:alnum:]'" '\n' < "$0" | sort | uniq -c | sort -rn > "$1" """


def text(options: argparse.Namespace) -> list[list[str]]:
    """Return rows: build-vocab against a Counter with the same tokenizer, and against the shell."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "out"

        seconds = in_turns(
            options.repeats,
            ours=process(sys.executable, "-m", "rnnwords", "build-vocab", options.text, "-o", out),
            counter=process(sys.executable, "-c", COUNTER, options.text, out),
            shell=process("env", "LC_ALL=C", "bash", "-c", SORT, options.text, out),
        )
    size = options.text.stat().st_size / 1e6
    times = f"{seconds['ours']:.1f}, {seconds['counter']:.1f} and {seconds['shell']:.1f} s"
    ratio = f"{seconds['counter'] / seconds['ours']:.2f} x"
    return [
        [f"build-vocab, {size:.0f} MB: against collections.Counter, one process", "1.6 x", ratio, times],
        [
            "the same against tr, sort, uniq -c (LC_ALL=C)",
            "faster",
            f"{seconds['shell'] / seconds['ours']:.2f} x",
            times,
        ],
    ]


def memory(options: argparse.Namespace) -> list[list[str]]:
    """Return a row: peak memory of training on the text and on ten copies of it, with the same vocabulary size."""
    peaks = []
    for copies in (1, 10):
        with tempfile.TemporaryDirectory() as directory:
            corpus = Path(directory) / "corpus.txt"
            with open(corpus, "wb") as out:
                for _ in range(copies):
                    with open(options.text, "rb") as source:
                        shutil.copyfileobj(source, out)
            command = [sys.executable, __file__, "--peak", corpus, directory]
            peaks.append(float(run_json(*command)["megabytes"]))
    growth = peaks[1] - peaks[0]
    size = options.text.stat().st_size / 1e6
    return [[f"peak memory of encoding and training, {size:.0f} MB against {10 * size:.0f} MB", "+ 50 MB",
             f"{growth:+.0f} MB", f"{peaks[0]:.0f} and {peaks[1]:.0f} MB"]]  # fmt: skip


def peak(corpus: Path, directory: Path) -> None:
    """Train 200 steps, and print the peak memory of the children of this process."""
    more = ["--max-size", "10000", "--iterations", "200", "--batch-size", "64", "--seed", "1", "--quiet"]
    command = [sys.executable, "-m", "rnnwords", "train", corpus, "--model", directory / "run", *more]
    environment = {"RNNWORDS_CACHE": str(directory / "cache"), "PATH": "/usr/bin:/bin"}
    subprocess.run([str(word) for word in command], check=True, env=environment, capture_output=True)
    print(json.dumps({"megabytes": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024}))


SAVING = """
import json, sys, time
from rnnwords.cli import run
from rnnwords.model_file import Model
from rnnwords.training.runs.checkpoint import RunDirectory
from rnnwords.training.loop import TrainingLoop

spent = 0.0

def timed(owner, name):
    function = getattr(owner, name)
    def measured(*arguments, **options):
        global spent
        begun = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            spent += time.perf_counter() - begun
    setattr(owner, name, measured)

timed(TrainingLoop, "_save")  # checkpoints
timed(TrainingLoop, "_model")  # copies the weights
timed(Model, "save")
timed(RunDirectory, "append_history")
begun = time.perf_counter()
run(sys.argv[1:])
print(json.dumps({"share": spent / (time.perf_counter() - begun), "seconds": spent}))
"""


def saving(options: argparse.Namespace) -> list[list[str]]:
    """Return a row: the share of time that a training spends on saving models, checkpoints and history."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-c", SAVING, "train", options.novel, "--model", f"{directory}/run", "--seed", 1]
        spent = run_json(*command, "--epochs", 3, "--quiet")
    shown = f"{spent['seconds']:.1f} s of {spent['seconds'] / spent['share']:.0f} s, 3 epochs"
    return [["saving models and checkpoints, default settings", "2 %", f"{spent['share']:.1%}", shown]]


PARTS = {"speed": speed, "pieces": pieces, "softmax": softmax, "converged": converged, "text": text, "memory": memory,
         "precision": precision, "saving": saving}  # fmt: skip


def main() -> None:
    """Measure the chosen parts, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch", type=Path, help="a Python interpreter with torch")
    parser.add_argument("--text", type=Path, help="a large text")
    parser.add_argument("--novel", type=Path, help="a single book")
    parser.add_argument("--rows", default=",".join(PARTS), help=f"parts to measure, of {', '.join(PARTS)}")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=600, help="steps of the softmax comparison")
    parser.add_argument("--peak", type=Path, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        peak(*options.peak)
        return
    rows = [row for name in options.rows.split(",") for row in PARTS[name](options)]
    print(f"{machine()}\n")
    print(table(["what", "target", "measured", "values"], rows))


if __name__ == "__main__":
    main()
