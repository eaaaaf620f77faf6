"""The network as an ONNX graph of standard operators. Imports ONNX.

The input `ids` is a batch (B, T) of token ids. With a window, the output `probs` is (B, V), the probabilities of the
next token after the last ids, as many as the window has. Without one, it is (B, T, V), the probabilities after each id,
and the state is an input and an output: `hidden` and, of an LSTM, `cell`, each (layers, B, H), become `next_hidden` and
`next_cell`. Letters of shapes as in `network.cells`.

ONNX has another order of gates than Keras for LSTM (i, o, f, c instead of i, f, c, o), the same for GRU (z, r, h), and
the kernels of its recurrent operators are transposed, with an axis for directions.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from rnnwords.export.reading import STATES
from rnnwords.lm.interface import Floats
from rnnwords.network.config import NetworkConfig
from rnnwords.version import __version__

# ONNX 1.12 of 2022, so that older programs read the file, too: operators that changed later are not used.
OPSET, IR_VERSION = 17, 8
OPERATORS = {"lstm": "LSTM", "gru": "GRU", "simple": "RNN"}
GATES = {"lstm": (0, 3, 1, 2), "gru": (0, 1, 2), "simple": (0,)}  # of Keras, in the order of ONNX
LAST = np.iinfo(np.int64).max  # end of a slice: the end of the axis


def graph_model(config: NetworkConfig, weights: Mapping[str, Floats], metadata: Mapping[str, str]) -> bytes:
    """Return the bytes of an ONNX file, which ONNX has checked. Equal models give equal bytes."""
    model = helper.make_model(
        _Graph(config, weights).build(), opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION,
        producer_name="rnnwords", producer_version=__version__,
        doc_string="Predicts the next word of a text. Metadata: the vocabulary, a token per line, and settings.",
    )  # fmt: skip
    helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


class _Graph:
    """A graph under construction: its nodes and constants."""

    def __init__(self, config: NetworkConfig, weights: Mapping[str, Floats]) -> None:
        self.config, self.weights = config, weights
        self.nodes: list[Any] = []
        self.constants: dict[str, NDArray[Any]] = {}

    def build(self) -> Any:
        """Return the graph."""
        config, inputs, outputs = self.config, [], []
        names = STATES[config.cell] if config.stateful else ()
        inputs.append(_value("ids", TensorProto.INT64, ["batch", "time"], "Token ids: lines of the vocabulary, from 0"))
        numbers = range(1, config.layers + 1)
        for name in names:
            shape: list[int | str] = [config.layers, "batch", config.units]
            inputs.append(_value(name, TensorProto.FLOAT, shape, "State before the ids; zeros before a text"))
            outputs.append(_value(f"next_{name}", TensorProto.FLOAT, shape, "State after the ids"))
            self.node("Split", [name], [f"{name}_{number}" for number in numbers], axis=0)
        ids = "ids" if config.stateful else self.columns("ids", -config.window, LAST, "window_ids")
        x = self.inputs(self.node("Transpose", [ids], ["time_ids"], perm=[1, 0]))
        for number in numbers:
            last = number == config.layers and not config.stateful
            x = self.layer(number, x, [f"{name}_{number}" for name in names], last)
        for name in names:
            parts = [f"{config.cell}_{number}/{name}" for number in numbers]
            self.node("Concat", parts, [f"next_{name}"], axis=0)
        if config.stateful:
            x = self.node("Transpose", [x], ["outputs"], perm=[1, 0, 2])
        self.probabilities(x)
        axes = ["batch", "time"] if config.stateful else ["batch"]
        probs = _value("probs", TensorProto.FLOAT, [*axes, config.vocabulary_size], "Probabilities of the next token")
        initializers = [numpy_helper.from_array(array, name) for name, array in self.constants.items()]
        return helper.make_graph(self.nodes, "next_word", inputs, [probs, *outputs], initializers)

    def inputs(self, ids: str) -> str:
        """Add the inputs (T, B, E), (T, B, V) or (T, B, 1) of the first layer."""
        if self.config.input == "embedding":
            return self.node("Gather", [self.weight("embedding/embeddings"), ids], ["embedded"])
        if self.config.input == "one-hot":
            depth = self.constant("vocabulary_size", self.config.vocabulary_size)
            values = self.constant("off_on", np.array([0, 1], np.float32))
            return self.node("OneHot", [ids, depth, values], ["one_hot"], axis=-1)
        numbers = self.node("Cast", [ids], ["numbers"], to=TensorProto.FLOAT)
        return self.node("Unsqueeze", [numbers, self.constant("last_axis", [-1])], ["scalars"])

    def layer(self, number: int, x: str, state: Sequence[str], last: bool) -> str:
        """Add a recurrent layer with its state before the ids, each part (1, B, H), if there is one.

        Return its outputs (T, B, H) or, with `last`, those after the last ids (B, H).
        """
        cell, name = self.config.cell, f"{self.config.cell}_{number}"
        kernel, recurrent, bias = (
            self.gates(self.weights[f"{name}/{part}"]) for part in ("kernel", "recurrent_kernel", "bias")
        )
        # Input and recurrent bias; a GRU has both, the others only their sum.
        biases = np.concatenate([bias[0], bias[1]] if cell == "gru" else [bias, np.zeros_like(bias)])
        names = [
            self.constant(f"{name}/W", kernel.T[None]), self.constant(f"{name}/R", recurrent.T[None]),
            self.constant(f"{name}/B", biases[None]),
        ]  # fmt: skip
        attributes = {"linear_before_reset": 1} if cell == "gru" else {}
        inputs = [x, *names, *(["", *state] if state else [])]  # "": all sequences of a batch have the same length
        steps = "" if last else f"{name}/steps"
        after = [f"{name}/{part}" for part in (STATES[cell] if state else ("hidden",) if last else ())]
        self.node(OPERATORS[cell], inputs, [steps, *after], f"{name}/{OPERATORS[cell]}",
                  hidden_size=self.config.units, **attributes)  # fmt: skip
        axis = self.constant("first_axis", [0]) if last else self.constant("direction_axis", [1])
        return self.node("Squeeze", [after[0] if last else steps, axis], [f"{name}/outputs"])

    def gates(self, weight: Floats) -> Floats:
        """Return a weight (..., GH) with its gates in the order of ONNX."""
        blocks = np.split(weight, self.config.gates, axis=-1)
        return np.concatenate([blocks[place] for place in GATES[self.config.cell]], axis=-1)

    def probabilities(self, x: str) -> None:
        """Add the output `probs` (..., V) of outputs (..., H); see `Network.log_probs`."""
        config = self.config
        if config.projects:
            x = self.node("MatMul", [x, self.weight("projection/kernel")], ["projected"])
        if config.tie:
            kernel = self.node("Transpose", [self.weight("embedding/embeddings")], ["output/kernel"], perm=[1, 0])
        else:
            kernel = self.weight("output/kernel")
        head = self.softmax(x, kernel, "output", "head" if config.clusters else "probs")
        if not config.clusters:
            return
        start = config.clusters[0][0]
        parts = [self.columns(head, 0, start, "head_probs")]
        for number in range(1, len(config.clusters) + 1):
            name, place = f"tail_{number}", start + number - 1
            x_tail = self.node("MatMul", [x, self.weight(f"{name}/projection")], [f"{name}/projected"])
            tail = self.softmax(x_tail, self.weight(f"{name}/kernel"), name, f"{name}/softmax")
            cluster = self.columns(head, place, place + 1, f"{name}/cluster")
            parts.append(self.node("Mul", [tail, cluster], [f"{name}/probs"]))
        self.node("Concat", parts, ["probs"], axis=-1)

    def softmax(self, x: str, kernel: str, name: str, output: str) -> str:
        """Add a linear layer with bias and softmax."""
        product = self.node("MatMul", [x, kernel], [f"{name}/product"])
        logits = self.node("Add", [product, self.weight(f"{name}/bias")], [f"{name}/logits"])
        return self.node("Softmax", [logits], [output], axis=-1)

    def columns(self, x: str, start: int, end: int, output: str) -> str:
        """Add a slice of the last axis."""
        bounds = [self.constant(f"{output}/start", [start]), self.constant(f"{output}/end", [end])]
        return self.node("Slice", [x, *bounds, self.constant("last_axis", [-1])], [output])

    def node(
        self, operator: str, inputs: Sequence[str], outputs: Sequence[str], name: str | None = None, **attributes: Any
    ) -> str:
        """Add a node, by default named like its first output, and return the name of that output."""
        self.nodes.append(helper.make_node(operator, inputs, outputs, name=name or outputs[0], **attributes))
        return outputs[0]

    def weight(self, name: str) -> str:
        """Add a weight of the network, and return its name."""
        return self.constant(name, self.weights[name])

    def constant(self, name: str, value: Any) -> str:
        """Add a constant, and return its name. Numbers are int64."""
        self.constants[name] = value if isinstance(value, np.ndarray) else np.array(value, np.int64)
        return name


def _value(name: str, kind: int, shape: Sequence[int | str], text: str) -> Any:
    return helper.make_tensor_value_info(name, kind, shape, doc_string=text)
