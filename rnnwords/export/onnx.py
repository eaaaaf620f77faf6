"""Export to ONNX: a `.onnx` file of standard operators, which ONNX Runtime runs.

The metadata of the file have `vocabulary` and `settings`: see `reading.description`.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnwords.errors import ExportError, MissingDependencyError
from rnnwords.export.reading import by_length, description, first_ids, zero_state
from rnnwords.lm.interface import Floats
from rnnwords.prediction.predictor import Predictor
from rnnwords.requirements import extra_command

# Rounding of float32: 7e-6 for random weights of 2 x 512 units with logits of up to 80, 1e-6 for trained ones.
TOLERANCE = 1e-4
MAX_BYTES = (1 << 31) - (1 << 20)  # of a file: protocol buffers have at most 2 GiB
ERRORS = 3  # level of messages that ONNX Runtime writes to stderr
Arrays = dict[str, NDArray[Any]]
Session = Callable[[Arrays], list[NDArray[Any]]]  # inputs by name -> outputs in their order


class OnnxFile:
    """A written file, opened by ONNX Runtime or, without it, by the reference implementation of ONNX."""

    def __init__(self, path: Path, predictor: Predictor) -> None:
        self.session = _session(path)
        self.config, self.first = predictor.model.network, first_ids(predictor)

    def probabilities(self, contexts: Sequence[Sequence[int]]) -> Floats:
        """See Exported. A stateful network reads each context in two parts, with the state in between."""
        return by_length(contexts, self.first, self._stateful if self.config.stateful else self._windowed)

    def _windowed(self, ids: NDArray[np.int64]) -> Floats:
        return self.session({"ids": ids})[0]

    def _stateful(self, ids: NDArray[np.int64]) -> Floats:
        state: Arrays = dict(zero_state(self.config, len(ids)))
        probs: Floats = np.empty(0, np.float32)
        for part in np.split(ids, [ids.shape[1] // 2], axis=1):
            if part.shape[1]:
                probs, *after = self.session({"ids": part, **state})
                state = dict(zip(state, after, strict=True))
        return probs[:, -1]


def write(predictor: Predictor, path: Path) -> OnnxFile:
    """Write the network as an ONNX graph, checked by ONNX. Raises MissingDependencyError, ExportError for its size."""
    config = predictor.model.network
    metadata = dict(zip(("vocabulary", "settings"), description(predictor), strict=True))
    size = 4 * config.weight_count + sum(len(text.encode()) for text in metadata.values())
    if size > MAX_BYTES:
        raise ExportError(
            f"an ONNX file has at most {MAX_BYTES:,} bytes, and this network needs {size:,}; export it to .safetensors"
        )
    try:
        from rnnwords.export.onnx_graph import graph_model
    except ImportError as error:
        raise MissingDependencyError(
            f"export to ONNX needs {error.name or 'onnx'}, which is missing or cannot be loaded; install it with: "
            f"{extra_command('onnx', 'onnx')}"
        ) from error
    path.write_bytes(graph_model(config, predictor.model.weights, metadata))
    return OnnxFile(path, predictor)


def _session(path: Path) -> Session:
    """Return the function that runs a file. From 1.30 on, ONNX Runtime would send data about its use to its maker."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError:
        from onnx.reference import ReferenceEvaluator

        evaluator = ReferenceEvaluator(str(path))
        return lambda inputs: list(evaluator.run(None, inputs))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda inputs: list(session.run(None, inputs))
