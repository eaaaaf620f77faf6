"""The classic story predictor, `--recipe tutorial`: accuracy by depth and seed, and speed.

    python benchmarks/tutorial.py corpora/belling_the_cat.txt [--seeds 5] [--layers 2 1] [--parts speed,runs]

Speed: iterations per second with many steps per graph call, against one call per iteration, for the same graph and for
the tutorial's program in present Keras (layers, a gradient tape, RMSProp); medians of alternating runs. The limit is
memory bandwidth: a batch of one reads and writes all weights, gradients and optimizer state.
Runs: the accuracy of the last 1,000 iterations, as in the tutorial, and over all windows of the text.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from machine import in_turns, machine, report, table

from rnnwords.network.config import NetworkConfig
from rnnwords.training.settings.config import TrainingConfig
from rnnwords.training.settings.recipes import RECIPES

SYMBOLS, UNITS, WINDOW = 112, 512, 3
CALL = 50  # steps per graph call


def network(layers: int) -> NetworkConfig:
    """Return the network of the recipe for the fable."""
    return NetworkConfig(vocabulary_size=SYMBOLS, layers=layers, units=UNITS, window=WINDOW, input="scalar")


def ours(layers: int) -> Callable[[np.ndarray], Any]:
    """Return a function that trains on (K, 1, T + 1) ids in one graph call."""
    from rnnwords.training.optimization.steps import Steps

    steps = Steps(network(layers), TrainingConfig(seed=1, **RECIPES["tutorial"].training), "float32")
    return lambda ids: steps.run(ids, np.full((len(ids), 3), (1e-3, 0, 0), np.float32), 0)


def tutorial(layers: int) -> Callable[[np.ndarray], Any]:
    """Return the training step of the tutorial's program in present Keras, for (1, 1, T + 1) ids."""
    import keras
    import tensorflow as tf

    normal = keras.initializers.RandomNormal(stddev=1.0)
    cells = [keras.layers.LSTM(UNITS, return_sequences=layer < layers - 1) for layer in range(layers)]
    dense = keras.layers.Dense(SYMBOLS, kernel_initializer=normal, bias_initializer=normal)
    model = keras.Sequential([keras.Input((WINDOW, 1)), *cells, dense])
    optimizer = keras.optimizers.RMSprop(1e-3)
    optimizer.build(model.trainable_variables)

    @tf.function(input_signature=[tf.TensorSpec((1, WINDOW + 1), tf.int32)])
    def step(ids: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = model(tf.cast(ids[:, :-1, None], tf.float32), training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(ids[:, -1], logits))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss, tf.equal(tf.argmax(logits, 1, tf.int32), ids[:, -1])

    return lambda ids: [one.numpy() for one in step(tf.constant(ids[0]))]


SIDES = {"ours": (ours, CALL), "calls": (ours, 1), "tutorial": (tutorial, 1)}


def side(name: str, layers: int, iterations: int) -> float:
    """Return the iterations per second of one side, in this process."""
    build, call = SIDES[name]
    run = build(layers)
    ids = np.random.default_rng(0).integers(0, SYMBOLS, (call, 1, WINDOW + 1)).astype(np.int32)
    for _ in range(max(2, 100 // call)):
        run(ids)
    begun = time.perf_counter()
    for _ in range(iterations // call):
        run(ids)
    return iterations // call * call / (time.perf_counter() - begun)


def one_side(name: str, layers: int) -> Callable[[], float]:
    """Return a function that measures `side` in a process of its own."""

    def measure() -> float:
        command = [sys.executable, __file__, "-", "--side", name, "--layers", str(layers)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return float(done.stdout.splitlines()[-1])

    return measure


def bandwidth() -> float:
    """Return the bytes per second that all cores read and write when they add arrays of the size of the weights."""
    import tensorflow as tf

    left = tf.Variable(tf.ones(8 << 20))
    right = tf.ones(8 << 20)

    @tf.function
    def add() -> Any:
        return left.assign_add(right)[0]

    add()
    times = []
    for _ in range(20):
        begun = time.perf_counter()
        add().numpy()
        times.append(time.perf_counter() - begun)
    return 3 * 4 * (8 << 20) / min(times)


def speed(options: argparse.Namespace) -> list[list[str]]:
    """Return the rows of all sides, measured in alternation."""
    rows = []
    for layers in options.layers:
        rate = in_turns(options.repeats, **{name: one_side(name, layers) for name in SIDES})
        weights = sum(math.prod(shape) for shape in network(layers).shapes().values())
        moved = 6 * 4 * weights * rate["ours"]  # weights and their state read and written, gradients too
        share = (
            f"{moved / 1e9:.1f} GB/s of at least 6 x 4 bytes per weight; a plain sum of arrays {bandwidth() / 1e9:.1f}"
        )
        for name, what in (("tutorial", "the tutorial's program, one call per iteration"),
                           ("calls", "our graph, one call per iteration")):  # fmt: skip
            rows.append([f"{layers} x {UNITS}, against {what}", "1.7 x", f"{rate['ours'] / rate[name]:.2f} x",
                         f"{rate['ours']:,.0f} and {rate[name]:,.0f} iterations/s; {share}"])  # fmt: skip
    return rows


def runs(options: argparse.Namespace) -> list[list[str]]:
    """Return the rows of whole trainings."""
    rows = []
    for layers in options.layers:
        for seed in range(1, options.seeds + 1):
            with tempfile.TemporaryDirectory() as directory:
                result = report("train", options.text, "--recipe", "tutorial", "--layers", layers, "--seed", seed,
                              "--model", f"{directory}/run")  # fmt: skip
                last = json.loads(Path(directory, "run", "history.jsonl").read_text().splitlines()[-1])
            count = result["max_accuracy"][1]
            right = f"{result['accuracy']:.2%} ({round(result['accuracy'] * count)} of {count})"
            row = [f"{layers} x {UNITS}", str(seed), f"{last['accuracy']:.2%}", f"{last['loss']:.3f}", right]
            row.append(f"{result['seconds']:.0f}")
            print("| " + " | ".join(row) + " |", file=sys.stderr, flush=True)
            rows.append(row)
    return rows


def main() -> None:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--layers", type=int, nargs="+", default=[2, 1])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=1_000)
    parser.add_argument("--parts", default="speed,runs")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        print(side(options.side, options.layers[0], options.iterations))
        return
    print(f"{machine()}\n")
    if "speed" in options.parts:
        print(table(["what", "target", "measured", "values"], speed(options)) + "\n")
    if "runs" in options.parts:
        head = ["network", "seed", "accuracy, last 1,000 iterations", "loss", "accuracy, all windows", "seconds"]
        print(table(head, runs(options)))


if __name__ == "__main__":
    main()
