"""The layers of a network as a graph of TensorBoard: each a group with its weights, and arrows with shapes.

The graph of a training step is unreadable: there, the layers are inside functions, unrolled and with their gradients.
"""

import re
from collections.abc import Sequence

from tensorboard.compat.proto import attr_value_pb2, graph_pb2, tensor_shape_pb2, types_pb2

from rnnwords.network.config import NetworkConfig

LAYERS = {
    "embedding": "Embedding", "lstm": "LSTM", "gru": "GRU", "simple": "SimpleRNN", "projection": "Dense",
    "output": "Dense", "tail": "Dense",
}  # fmt: skip
Shape = Sequence[int | None]  # None: the batch, or any number of time steps


def layer_graph(config: NetworkConfig) -> bytes:
    """Return the graph of a network, from its input to its loss, as a serialized GraphDef.

    Each layer has the name, the output shape and the weights that it has in the model file.
    """
    graph = graph_pb2.GraphDef()
    rows = {row["layer"]: row["shape"] for row in config.layer_table()}
    first = {"embedding": "tokens", "number": "values"}.get(config.input, config.input)
    steps = None if config.stateful else config.window
    last = _add(graph, first, "Placeholder", [], (None, steps))
    results = []  # the head of the output layer, and the tails of an adaptive softmax
    for layer, shape in rows.items():
        kind = LAYERS[re.sub(r"_\d+$", "", layer)]
        weights = {name: size for name, size in config.shapes().items() if name.startswith(f"{layer}/")}
        for name, size in weights.items():
            _add(graph, name, "Variable", [], size)
        shared = ["embedding/embeddings"] if layer == "output" and config.tie else []
        output = _add(graph, f"{layer}/{kind}", kind, [last, *weights, *shared], shape)
        if layer == "output" or layer.startswith("tail_"):
            results.append(output)
        else:
            last = output
    targets = _add(graph, "targets", "Placeholder", [], (None, steps) if config.stateful else (None,))
    loss = "MeanSquaredError" if config.numeric else "SparseSoftmaxCrossEntropy"
    _add(graph, "loss", loss, [*results, targets], ())
    return bytes(graph.SerializeToString())


def _add(graph: graph_pb2.GraphDef, name: str, kind: str, inputs: Sequence[str], shape: Shape) -> str:
    """Add a node with one output of this shape, and return its name."""
    node = graph.node.add(name=name, op=kind, input=inputs)
    sizes = [tensor_shape_pb2.TensorShapeProto.Dim(size=-1 if size is None else size) for size in shape]
    output = attr_value_pb2.AttrValue.ListValue(shape=[tensor_shape_pb2.TensorShapeProto(dim=sizes)])
    node.attr["_output_shapes"].list.CopyFrom(output)  # TensorBoard writes it on the arrows
    node.attr["dtype"].type = types_pb2.DT_FLOAT
    return name
