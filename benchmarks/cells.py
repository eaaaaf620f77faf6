"""Three cells on one book, `--recipe chapter`: perplexity, gradient by distance, and generated texts.

    python benchmarks/cells.py novel.txt [--options "--epochs 12"] [--out benchmarks/results]

Trains one network per cell with the same seed; the last tenth is the validation text. The gradient is that of the loss
of one validation word with respect to the input k words before it: its norm (mean over 256 positions) relative to that
of the nearest word. In a simple RNN it vanishes within a few words, which gated cells prevent (Bengio et al. 1994;
Hochreiter & Schmidhuber 1997). Writes OUT/cells.md and OUT/cells.png.
"""

import argparse
import os
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from machine import machine, report, table

RNN_CELLS = ("simple", "gru", "lstm")
DISTANCE = 50  # words
PLACES = 256
SHOWN = (1, 2, 5, 10, 20, 40)


def trained(text: Path, cell: str, more: list[str], directory: str) -> dict[str, Any]:
    """Return the report of a training."""
    return report("train", text, "--recipe", "chapter", "--cell", cell, "--seed", 1, "--model", directory, *more)


def gradients(model: Any, ids: np.ndarray, *, fresh: bool = False) -> np.ndarray:
    """Return (T,) mean norms of the gradient of the loss by the input k words back, from (B, T + 1) ids.

    k = 0 is the nearest word. `fresh`: of the network before training.
    """
    import tensorflow as tf

    from rnnwords.network.keras_network import KerasNetwork

    class Watched(KerasNetwork):
        """Stores its inputs, so that a gradient can be taken by them."""

        def _embedded(self, ids: Any) -> Any:
            self.inputs = super()._embedded(ids)
            tape.watch(self.inputs)
            return self.inputs

    network = Watched(model.network, seed=1)
    if not fresh:
        network.load(model.weights)
    with tf.GradientTape() as tape:
        x, _ = network.hidden(tf.constant(ids[:, :-1]))
        losses, *_ = network.output.losses(x[:, -1], tf.constant(ids[:, -1]))
        loss = tf.reduce_sum(losses)
    gradient = tape.gradient(loss, network.inputs).numpy()  # (B, T, E)
    return np.linalg.norm(gradient, axis=2).mean(axis=0)[::-1]


def plot(curves: dict[str, tuple[np.ndarray, np.ndarray]], path: Path) -> None:
    """Plot norm over distance on a logarithmic scale; dashed lines are before training."""
    from rnnwords.cli.output.plots import new_figure, save_figure

    figure = new_figure(7.7, 4.6)
    axes = figure.subplots()
    for cell, (after, before) in curves.items():
        (line,) = axes.plot(np.arange(len(after)), after / after[0], label=f"{cell}, trained")
        axes.plot(np.arange(len(before)), before / before[0], "--", color=line.get_color(), alpha=0.6,
                  label=f"{cell}, before training")  # fmt: skip
    axes.set_yscale("log")
    axes.set_ylim(bottom=1e-8)
    axes.set_xlabel("distance in words")
    axes.set_ylabel("gradient norm, relative to the nearest word")
    axes.set_title("Gradient of a word's loss by distance")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    save_figure(figure, path)


def written(path: Path) -> str:
    """Return the beginning of a chapter, from a word drawn by frequency."""
    from rnnwords import Predictor

    predictor = Predictor.load(path)
    word = predictor.draw_word(1)
    text = word + "".join(predictor.generate(word, 60, temperature=0.8, seed=1))
    return " ".join(text.split())


def main() -> None:
    """Train, measure, write the table and the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--options", default="", help="options of train for all cells")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    from rnnwords.model_file import Model
    from rnnwords.text.tokens.tokenizer import tokenize

    rows, curves, samples = [], {}, []
    for cell in RNN_CELLS:
        with tempfile.TemporaryDirectory() as directory:
            report = trained(options.text, cell, shlex.split(options.options), directory)
            model = Model.load(Path(directory, "model.safetensors"))
            words = list(tokenize(options.text.read_text(encoding="utf-8"), model.vocabulary.text))
            validation = np.array(model.vocabulary.encode(words[-len(words) // 10 :]), np.int32)
            starts = np.linspace(0, len(validation) - DISTANCE - 2, PLACES).astype(int)
            ids = validation[starts[:, None] + np.arange(DISTANCE + 2)]
            after, before = gradients(model, ids), gradients(model, ids, fresh=True)
            samples.append(f"- {cell}: {written(Path(directory))}")
        curves[cell] = (after, before)
        weights = sum(int(np.prod(shape)) for shape in model.network.shapes().values())
        figures = [
            f"{report['perplexity']:.1f}",
            f"{report['accuracy']:.1%}",
            f"{report['seconds']:.0f}",
            f"{weights:,}",
        ]
        rows.append([cell, *figures, *(f"{after[k] / after[0]:.1e}" for k in SHOWN)])
        print("| " + " | ".join(rows[-1]) + " |", file=sys.stderr, flush=True)
    head = ["cell", "validation perplexity", "accuracy", "seconds", "weights", *(f"{k} back" for k in SHOWN)]
    plot(curves, options.out / "cells.png")
    command = f"python benchmarks/cells.py {options.text.name}"
    command += f' --options "{options.options}"' if options.options else ""
    parts = [
        "# Three cells on one book",
        f"`{command}`, {machine()}. A book of {len(words):,} words, `--recipe chapter`, its last tenth as validation "
        "text. The last columns are the norm of the gradient of a word's loss with respect to the input N words before "
        "the nearest one, relative to the nearest.",
        table(head, rows),
        "![Gradient norm by distance](cells.png)",
        "The gradient of a simple RNN shrinks by the same factor at every word, before and after training: after 40 "
        "words it is too small to learn from. Gated cells learn to preserve it. (Distance 50 is the first word, which "
        "is read from a zero state and has more influence than the words after it.)",
        "Generated texts, each from the same first word, temperature 0.8:",
        "\n".join(samples),
    ]
    (options.out / "cells.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
