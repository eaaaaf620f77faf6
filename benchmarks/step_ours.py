"""Time of training steps of rnnwords on random ids with Zipf's frequencies, as JSON. Run by training.py."""

import argparse
import json
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from rnnwords.network.config import NetworkConfig
from rnnwords.training.optimization.precision import choose_precision
from rnnwords.training.settings.config import TrainingConfig
from rnnwords.training.tensorflow_loading import tensorflow_required

with tensorflow_required():  # as in a training
    import tensorflow as tf

    from rnnwords.network import keras_network as keras
    from rnnwords.training.optimization.steps import Steps


def gemm_rate(precision: str) -> float:
    """Return FLOP per second of products of 2048 x 2048 matrices, the best of 15."""
    numbers = np.random.default_rng(0).normal(size=(2048, 2048)).astype(np.float32)
    left = tf.cast(tf.constant(numbers), precision)
    multiply = tf.function(lambda a: tf.matmul(a, a))
    multiply(left)
    times = []
    for _ in range(15):
        begun = time.perf_counter()
        multiply(left).numpy()
        times.append(time.perf_counter() - begun)
    return 2 * 2048**3 / min(times)


def flops_per_step(config: NetworkConfig, batch: int) -> float:
    """Return the multiplications and additions of one training step: one forward and two backward passes.

    The first word from a zero state has no recurrent product.
    """
    shapes = config.shapes()
    total = 0
    for name, shape in shapes.items():
        if name.endswith("/kernel") and name.startswith(config.cell):
            total += shape[0] * shape[1] * config.window
        elif name.endswith("/recurrent_kernel"):
            total += shape[0] * shape[1] * (config.window - (not config.stateful))
        elif name == "output/kernel":
            total += shape[0] * shape[1] * (config.window if config.stateful else 1)
    return 6.0 * batch * total


def main() -> None:
    """Time --calls graph calls of --steps steps each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--vocabulary", type=int, default=10_000)
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--window", type=int, default=3)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--stateful", action="store_true")
    parser.add_argument("--softmax", default="full")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--optimizer", default="adam")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--clip", type=float, default=None)
    parser.add_argument("--piece", type=int, default=keras.SEGMENT, help="words per piece that a layer passes on")
    parser.add_argument("--calls", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10)
    options = parser.parse_args()
    keras.SEGMENT = options.piece
    network = NetworkConfig(
        vocabulary_size=options.vocabulary,
        units=options.units,
        embedding=options.units,
        window=options.window,
        mode="stateful" if options.stateful else "windows",
        softmax=options.softmax,
    )
    training = TrainingConfig(
        seed=1,
        batch_size=options.batch,
        optimizer=options.optimizer,
        dropout=options.dropout,
        clip_norm=options.clip,
        short_windows=0.0,
        ema=0.0,
    )
    precision = choose_precision(options.precision)
    steps = Steps(network, training, precision)
    weights = 1 / np.arange(1, options.vocabulary + 1)
    generator = np.random.default_rng(0)

    def batches(count: int) -> np.ndarray:
        shape = (count, options.batch, options.window + 1)
        return generator.choice(options.vocabulary, size=shape, p=weights / weights.sum()).astype(np.int32)

    steps.run(batches(1), np.full((1, 3), (1e-3, options.dropout, 0), np.float32), 0)
    seconds = []
    for _ in range(options.calls):
        ids = batches(options.steps)
        begun = time.perf_counter()
        steps.run(ids, np.full((options.steps, 3), (1e-3, options.dropout, 0), np.float32), 1)
        seconds.append((time.perf_counter() - begun) / options.steps)
    step = statistics.median(seconds)
    words = options.batch * (options.window if options.stateful else 1)
    flops = flops_per_step(network, options.batch) / step
    print(json.dumps({"words": words / step, "flops": flops, "gemm": gemm_rate(precision), "precision": precision}))


if __name__ == "__main__":
    main()
