"""Loading of a model file: rnnwords.tensor_file against the package safetensors.

    python benchmarks/tensor_file.py [--repeats 5] [--vocabulary 10000]

Writes a model with random weights (two LSTM layers of 512 units, tied) to a temporary directory. Each
measurement is a process of its own, with the file in the page cache; the readers take turns. Prints a Markdown table of
medians: seconds of loading, seconds of the first prediction and of each later one, and peak memory.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from machine import machine, run_json, table

READERS = {
    "rnnwords": "tensor_file.read_tensors: SHA-256, checked header, one read",
    "package": "safetensors.numpy.load_file: no digest",
    "digest": "safetensors.numpy.load_file, and SHA-256 of the tensors",
    "bytes": "one read into bytes, SHA-256, safetensors.numpy.load",
}
MEASURE = """
import hashlib, json, resource, statistics, sys, time
from pathlib import Path
import numpy as np
import safetensors.numpy
from rnnwords.model_file import FORMAT, VERSION
from rnnwords.network.config import NetworkConfig
from rnnwords.network.recurrent import Network
from rnnwords.tensor_file import read_tensors

reader, path, size = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
start = time.perf_counter()
if reader == "rnnwords":
    tensors, _, _ = read_tensors(path, FORMAT, VERSION, "model file")
elif reader == "bytes":
    content = path.read_bytes()
    hashlib.sha256(content).hexdigest()
    tensors = safetensors.numpy.load(content)
    del content
else:
    tensors = safetensors.numpy.load_file(path)
    if reader == "digest":
        state = hashlib.sha256()
        for tensor in tensors.values():
            state.update(np.ascontiguousarray(tensor).reshape(-1).view(np.uint8).data)
load = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
config = NetworkConfig(size, units=512, embedding=512, tie=True)
network = Network(config, {name: tensors[name] for name in config.shapes()})
random = np.random.default_rng(0)
times = []
for _ in range(51):
    ids = random.integers(0, size, (1, 3))
    start = time.perf_counter()
    network.log_probs(network.forward(ids)[0])
    times.append(time.perf_counter() - start)
print(json.dumps({"load": load, "first": times[0], "later": statistics.median(times[1:]), "peak": peak}))
"""
MODEL = """
import sys
from pathlib import Path
import numpy as np
from rnnwords.config import TextConfig
from rnnwords.model_file import Model
from rnnwords.network.config import NetworkConfig
from rnnwords.text.vocabulary import Vocabulary

size = int(sys.argv[2])
config = NetworkConfig(size, units=512, embedding=512, tie=True)
random = np.random.default_rng(0)
weights = {name: random.normal(0, 0.05, shape).astype(np.float32) for name, shape in config.shapes().items()}
vocabulary = Vocabulary([f"w{number}" for number in range(size)], list(range(size, 0, -1)), TextConfig())
Model(config, vocabulary, weights).save(Path(sys.argv[1]))
print("{}")
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--vocabulary", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "model.safetensors"
        run_json(sys.executable, "-c", MODEL, path, options.vocabulary)
        size = path.stat().st_size
        results: dict[str, list[dict[str, float]]] = {name: [] for name in READERS}
        for _ in range(options.repeats):
            for name in READERS:
                results[name].append(run_json(sys.executable, "-c", MEASURE, name, path, options.vocabulary))
    rows = []
    for name, description in READERS.items():
        median = {key: statistics.median(result[key] for result in results[name]) for key in results[name][0]}
        rows.append(
            [description, f"{1e3 * median['load']:.0f} ms", f"{1e3 * median['first']:.1f} ms",
             f"{1e3 * median['later']:.2f} ms", f"{median['peak']:.0f} MB"]
        )  # fmt: skip
    print(f"{machine()}; a model file of {size / 1e6:.0f} MB, medians of {options.repeats} processes\n")
    print(table(["reader", "load", "first prediction", "later predictions", "peak memory"], rows))


if __name__ == "__main__":
    main()
