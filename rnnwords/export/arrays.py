"""Plain arrays: the weights of a network with the vocabulary as a safetensors file that any program can read.

The names are those that users of numpy and PyTorch expect. The metadata have the settings and the equations, so that
the network can be written again from the file alone. Prediction with `rnnwords` needs a model file instead.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnwords.export.arrays_reader import ArraysFile
from rnnwords.export.reading import description
from rnnwords.model_file import ARRAYS_FORMAT, Model
from rnnwords.network.config import NetworkConfig
from rnnwords.prediction.predictor import Predictor
from rnnwords.tensor_file import write_tensors

# Rounding of float32: 2e-5 for random weights of 2 x 512 units with logits of up to 80, 1e-6 for trained ones.
TOLERANCE = 1e-4
VERSION = (1, 0)
GATES = {"lstm": ["input", "forget", "candidate", "output"], "gru": ["update", "reset", "candidate"], "simple": []}
INPUTS = {"embedding": "x = embedding[id]", "one-hot": "x @ kernel = kernel[id]", "scalar": "x = [id]"}
STEPS = {
    "lstm": "i, f, g, o = split(x @ kernel + h @ recurrent_kernel + bias, 4); "
            "c = sigmoid(f) * c + sigmoid(i) * tanh(g); h = sigmoid(o) * tanh(c)",
    "gru": "xz, xr, xn = split(x @ kernel + bias, 3); hz, hr, hn = split(h @ recurrent_kernel + recurrent_bias, 3); "
           "z = sigmoid(xz + hz); r = sigmoid(xr + hr); h = z * h + (1 - z) * tanh(xn + r * hn)",
    "simple": "h = tanh(x @ kernel + h @ recurrent_kernel + bias)",
}  # fmt: skip
CONTEXTS = {
    "windows": "ids = (first_ids + ids of the text)[-window:]; h and c are 0 before the first",
    "stateful": "ids = first_ids + ids of the text; h and c are 0 before the first, and carried from id to id",
}


def write(predictor: Predictor, path: Path) -> ArraysFile:
    """Write the network of the model and its vocabulary."""
    model = predictor.model
    write_tensors(path, ARRAYS_FORMAT, VERSION, _arrays(model), _settings(predictor), key="settings")
    return ArraysFile(path)


def _arrays(model: Model) -> dict[str, NDArray[Any]]:
    """Return the arrays of the file by name."""
    arrays: dict[str, NDArray[Any]] = {}
    for name, weight in model.weights.items():
        layer, part = name.split("/")
        layer = layer.replace("_", "")  # lstm1, tail1
        if layer == "embedding":
            arrays["embedding"] = weight
        elif part == "bias" and weight.ndim == 2:  # of a GRU: one of the input product, one of the recurrent product
            arrays[f"{layer}.bias"], arrays[f"{layer}.recurrent_bias"] = weight
        else:
            arrays[f"{layer}.{part}"] = weight
    arrays["vocabulary"] = np.frombuffer("\n".join(model.vocabulary.words).encode(), np.uint8)
    arrays["counts"] = np.array(model.vocabulary.counts, np.int64)
    return arrays


def _settings(predictor: Predictor) -> dict[str, Any]:
    """Return the settings and equations that a program needs in addition to the arrays."""
    network = predictor.model.network
    _, settings = description(predictor)
    return {
        **json.loads(settings), "gates": GATES[network.cell],
        "clusters": [{"first": first, "end": end} for first, end, _ in network.clusters],
        "equations": {
            "input": INPUTS[network.input], "step": STEPS[network.cell], "output": _output(network),
            "context": CONTEXTS[network.mode], "no context": "p = (counts + 1) / sum(counts + 1)",
        },
    }  # fmt: skip


def _output(network: NetworkConfig) -> str:
    """Return the equation of the output layer."""
    x = "h @ projection.kernel" if network.projects else "h"
    head = f"softmax({x} @ {'embedding.T' if network.tie else 'output.kernel'} + output.bias)"
    if not network.clusters:
        return f"p = {head}"
    return (
        f"head = {head}; p[:first of tail 1] = head[:first of tail 1]; of tail n, p[first:end] = head[first of tail 1 "
        "+ n - 1] * softmax(h @ tailn.projection @ tailn.kernel + tailn.bias)"
    )
