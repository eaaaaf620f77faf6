"""Time and memory of prediction: single prompts, streams, files, long texts, keystrokes.

    python benchmarks/prediction.py [--rows coprocess,interpolation,file,...] [--text FILE] [--json]

The models have random weights, which do not influence the time. Contexts are windows of three consecutive words of
--text, over its most frequent words. Without a text they are drawn by Zipf's law, and have fewer common beginnings.
The n-gram has order 4 and counts the first 500,000 words. Its weights depend on counts, and are equal.
Prints a Markdown table of medians of --repeats runs; the sides of a ratio are measured in alternation.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in the program

import argparse
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from machine import in_turns, megabytes, print_rows, process
from random_model import PROMPT, contexts, running_ids, save

from rnnwords import Predictor
from rnnwords.cli.options import cores
from rnnwords.config import InterpolationConfig
from rnnwords.lm.ngram.kneser_ney import KneserNey

PROGRAM = [sys.executable, "-m", "rnnwords"]
NGRAM_WORDS = 500_000  # counted
KERAS = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
from pathlib import Path
from rnnwords.model_file import Model
from rnnwords.network.keras_network import KerasNetwork
model = Model.load(Path(sys.argv[1]))
network = KerasNetwork(model.network)
network.load(model.weights)
logits = network.logits(np.array([model.vocabulary.encode(sys.argv[2].split())]))[0].numpy()[0]
p = np.exp(logits - logits.max())
for id in np.argsort(-p)[:5]:
    print(model.vocabulary.words[id], p[id] / p.sum())
"""


class Bench:
    """The models, created on first use, and a method per part of the table."""

    def __init__(self, directory: Path, options: argparse.Namespace) -> None:
        self.directory, self.options = directory, options

    def model(self, name: str) -> Path:
        """Return a model file: `fable` has 112 tokens; `large`, `stateful` and `ngram` 10,000, and 2 x 512 units."""
        path = self.directory / f"{name}.safetensors"
        if not path.exists():
            if name == "fable":
                save(path, 112, embedding=256)
            elif name == "ngram":
                save(path, 10_000, KneserNey.train(running_ids(10_000, NGRAM_WORDS, self.options.text), 10_000, 4))
            else:
                save(path, 10_000, mode="stateful" if name == "stateful" else "windows")
        return path

    def contexts(self, predictor: Predictor, count: int) -> list[str]:
        return contexts(list(predictor.vocabulary.words), count, self.options.text)

    def coprocess(self) -> list[list[str]]:
        """Return the row of round trips of single lines."""
        path = self.model("large")
        lines = self.contexts(Predictor.load(path), 1_200)
        medians = [self.round_trips(path, lines) for _ in range(self.options.repeats)]
        middle, low, high = statistics.median(medians), min(medians), max(medians)
        spread = f"{len(medians)} runs of {len(lines) - 200:,} lines: {low * 1e3:.2f} to {high * 1e3:.2f} ms"
        what = "predict as a coprocess, V 10,000, 2 x 512, window 3: median per line"
        return [[what, "2 ms", f"{middle * 1e3:.2f} ms", spread]]

    def interpolation(self) -> list[list[str]]:
        """Return the rows of what an n-gram costs: per call, per line of a coprocess, and at the start."""
        path = self.model("ngram")
        alone = Predictor.load(path, InterpolationConfig(interpolate="off"))
        whole = Predictor.load(path)
        lines = self.contexts(alone, 1_200)

        def calls(predictor: Predictor) -> Callable[[], float]:
            def measure() -> float:
                taken = []
                for line in lines:
                    begun = time.perf_counter()
                    predictor.answer(line)
                    taken.append(time.perf_counter() - begun)
                return statistics.median(taken[200:])

            return measure

        off = ("--interpolate", "off")
        start = [*PROGRAM, "predict", PROMPT, "--model", path]
        seconds = in_turns(
            self.options.repeats, calls=calls(whole), calls_off=calls(alone),
            lines=lambda: self.round_trips(path, lines), lines_off=lambda: self.round_trips(path, lines, *off),
            start=process(*start), start_off=process(*start, *off),
        )  # fmt: skip
        rows = []
        for name, what, target in (
            ("calls", "interpolation with an n-gram by count, V 10,000: more per call of the Python API", "0.3 ms"),
            ("lines", "the same, more per line of a coprocess", "0.3 ms"),
            ("start", f'the same, more for the whole process `rnnwords predict "{PROMPT}"`', ""),
        ):
            both = [seconds[name] * 1e3, seconds[f"{name}_off"] * 1e3]
            rows.append([what, target, f"{both[0] - both[1]:.2f} ms", f"{both[0]:.2f} and {both[1]:.2f} ms"])
        return rows

    def round_trips(self, path: Path, lines: list[str], *options: str) -> float:
        """Return the median seconds from a line to its answer, without the first 200."""
        command = [*PROGRAM, "predict", "--json", "--model", str(path), *options]
        taken = []
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            for line in lines:
                begun = time.perf_counter()
                child.stdin.write(line.encode() + b"\n")
                answer = b""
                while not answer.endswith(b"\n"):
                    answer += child.stdout.read(65536)
                taken.append(time.perf_counter() - begun)
            child.stdin.close()
        return statistics.median(taken[200:])

    def file(self) -> list[list[str]]:
        """Return the rows of a file of contexts against one call, line or process per context."""
        path = self.model("large")
        predictor = Predictor.load(path)
        lines = self.contexts(predictor, self.options.contexts)
        file = self.directory / "contexts.txt"
        file.write_text("\n".join(lines) + "\n")
        some = lines[:: max(1, len(lines) // 1_000)][:1_000]
        for line in some:
            predictor.answer(line)  # fills the tables

        def whole() -> float:
            begun = time.perf_counter()
            with open(file, "rb") as stream:
                command = [*PROGRAM, "predict", "--json", "--model", str(path)]
                subprocess.run(command, stdin=stream, stdout=subprocess.DEVNULL, check=True)
            return (time.perf_counter() - begun) / len(lines)

        def calls() -> float:
            begun = time.perf_counter()
            for line in some:
                predictor.answer(line)
            return (time.perf_counter() - begun) / len(some)

        seconds = in_turns(
            self.options.repeats, file=whole, calls=calls, lines=lambda: self.round_trips(path, some),
            process=process(*PROGRAM, "predict", PROMPT, "--model", path),
        )  # fmt: skip
        rate = 1 / seconds["file"]
        what = f"predict on a file of {len(lines):,} contexts"
        return [
            [f"{what}, against one call of the Python API each", "10 x",
             f"{seconds['calls'] / seconds['file']:.1f} x",
             f"{rate:,.0f} and {1 / seconds['calls']:,.0f} per second; {cores()} threads"],
            ["the same against one line to a coprocess each", "10 x", f"{seconds['lines'] / seconds['file']:.1f} x",
             f"{rate:,.0f} and {1 / seconds['lines']:,.0f} per second"],
            ["the same against one process each", "10 x", f"{seconds['process'] / seconds['file']:,.0f} x",
             f"{rate:,.0f} and {1 / seconds['process']:.1f} per second"],
        ]  # fmt: skip

    def start(self) -> list[list[str]]:
        """Return the rows of whole processes against `import numpy`."""
        path = self.model("fable")
        commands = {"predict": ["predict", PROMPT, "--model", path], "generate": ["generate", PROMPT, "--model", path],
                    "info": ["info", "--model", path], "help": ["--help"]}  # fmt: skip
        seconds = in_turns(
            3 * self.options.repeats,
            numpy=process(sys.executable, "-c", "import numpy"),
            **{name: process(*PROGRAM, *command) for name, command in commands.items()},
        )
        rows = []
        for name, command in commands.items():
            shown = " ".join(
                f'"{word}"' if word == PROMPT else str(word) for word in command if word not in (path, "--model")
            )
            memory = megabytes(*PROGRAM, *command)
            rows.append(
                [f'whole process `rnnwords {shown}` against `python -c "import numpy"`, V 112, 2 x 512',
                 "3 x, 100 MB", f"{seconds[name] / seconds['numpy']:.2f} x, {memory:.0f} MB",
                 f"{seconds[name] * 1e3:.0f} and {seconds['numpy'] * 1e3:.0f} ms"]
            )  # fmt: skip
        return rows

    def keras(self) -> list[list[str]]:
        """Return the row of a whole process against Keras with the same weights."""
        path = self.model("large")
        seconds = in_turns(
            self.options.repeats,
            ours=process(*PROGRAM, "predict", PROMPT, "--model", path),
            keras=process(sys.executable, "-c", KERAS, path, PROMPT),
        )
        what = "against loading the same weights in Keras and predicting there, whole process, V 10,000"
        ratio = f"{seconds['keras'] / seconds['ours']:.1f} x"
        return [[what, "15 x", ratio, f"{seconds['ours']:.2f} and {seconds['keras']:.2f} s"]]

    def generate(self) -> list[list[str]]:
        """Return the row of a long text with the time of its first and last thousand words."""
        predictor = Predictor.load(self.model("stateful"))
        begun = time.perf_counter()
        marks = [begun]
        for number, _ in enumerate(predictor.generate(PROMPT, self.options.words, temperature=1.0, seed=1), start=1):
            if number % 1_000 == 0:
                marks.append(time.perf_counter())
        taken = [(after - before) * 1e3 for before, after in itertools.pairwise(marks)]  # us per word
        rate = self.options.words / (marks[-1] - begun)
        return [[f"generate {self.options.words:,} words, stateful, V 10,000, 2 x 512, temperature 1", "600 words/s",
                 f"{rate:,.0f} words/s", f"first thousand {taken[0]:.0f} us per word, last {taken[-1]:.0f} us, "
                 f"slowest {max(taken):.0f} us"]]  # fmt: skip

    def keystroke(self) -> list[list[str]]:
        """Return the rows of the time from a keystroke to the menu, for words typed letter by letter."""
        from rnnwords.cli.repl.suggestions import Suggestions

        rows = []
        for name in ("large", "stateful"):
            predictor = Predictor.load(self.model(name))
            suggestions = Suggestions(predictor)
            text = " ".join(self.contexts(predictor, 600)[::3])[:1_500]
            taken = []
            for end in range(1, len(text) + 1):
                begun = time.perf_counter()
                suggestions.menu(text[:end])
                taken.append(time.perf_counter() - begun)
            p95 = statistics.quantiles(taken, n=20)[-1]
            what = "stateful" if name == "stateful" else "window 3"
            rows.append([f"keystroke to menu in the REPL, V 10,000, 2 x 512, {what}: p95", "20 ms",
                         f"{p95 * 1e3:.1f} ms", f"{len(taken):,} keystrokes, median "
                         f"{statistics.median(taken) * 1e3:.2f} ms, slowest {max(taken) * 1e3:.1f} ms"])  # fmt: skip
        return rows


PARTS = ("coprocess", "interpolation", "file", "start", "keras", "generate", "keystroke")


def main() -> None:
    """Measure the chosen parts, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default=",".join(PARTS), help=f"parts to measure, of {', '.join(PARTS)}")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--text", type=Path, help="running text for contexts, 100,000 words or more")
    parser.add_argument("--contexts", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=20_000)
    parser.add_argument("--json", action="store_true", help="the rows as JSON")
    options = parser.parse_args()
    head = ["what", "target", "measured", "values"]
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory), options)
        rows = [row for part in options.rows.split(",") for row in getattr(bench, part)()]
    print_rows(head, rows, options.json)


if __name__ == "__main__":
    main()
