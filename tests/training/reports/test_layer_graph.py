"""The graph of a network for TensorBoard: its layers, their weights, and the path from the input to the loss."""

import itertools
from typing import Any

import pytest

from rnnwords.network.config import NetworkConfig

graphs: Any = pytest.importorskip("tensorboard.compat.proto.graph_pb2")
module: Any = pytest.importorskip("rnnwords.training.reports.layer_graph", exc_type=ImportError)

V = 113
NETWORKS = {
    "windows": NetworkConfig(V),
    "one layer": NetworkConfig(V, layers=1, units=8, embedding=4),
    "stateful, tied": NetworkConfig(V, "stateful", 35, "gru", 3, 8, embedding=8, tie=True),
    "tied with a projection": NetworkConfig(V, "windows", 5, "lstm", 2, 8, embedding=6, tie=True),
    "adaptive": NetworkConfig(V, units=32, embedding=4, softmax="adaptive"),
    "one-hot": NetworkConfig(V, "windows", 3, "simple", 2, 8, input="one-hot"),
    "scalar": NetworkConfig(V, "stateful", 3, "simple", 1, 8, input="scalar"),
    "numbers": NetworkConfig(1, "windows", 3, "lstm", 2, 8, input="number", output="linear"),
    "many layers": NetworkConfig(V, layers=16, units=4, embedding=4),
}


def nodes_of(network: NetworkConfig) -> dict[str, Any]:
    graph = graphs.GraphDef.FromString(module.layer_graph(network))
    nodes = {node.name: node for node in graph.node}
    assert len(nodes) == len(graph.node)  # names are unique
    return nodes


def shape_of(node: Any) -> tuple[int, ...]:
    return tuple(size.size for size in node.attr["_output_shapes"].list.shape[0].dim)


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS.keys())
def test_each_layer_is_a_group_with_its_weights_and_its_output_shape(network):
    nodes = nodes_of(network)
    assert {name: shape_of(node) for name, node in nodes.items() if node.op == "Variable"} == network.shapes()
    outputs = {name.split("/")[0]: shape_of(node) for name, node in nodes.items() if "/" in name and node.input}
    table = {
        row["layer"]: tuple(-1 if size is None else size for size in row["shape"]) for row in network.layer_table()
    }
    assert outputs == table


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS.keys())
def test_every_node_leads_to_the_loss_and_every_layer_depends_on_the_input(network):
    nodes = nodes_of(network)
    before: dict[str, set[str]] = {}  # node -> all that it depends on
    for name, node in nodes.items():  # inputs come first
        before[name] = set(node.input).union(*(before[one] for one in node.input))
    assert before["loss"] == set(nodes) - {"loss"}
    first = next(iter(nodes))
    assert nodes[first].op == "Placeholder"
    assert all(first in before[name] for name, node in nodes.items() if "/" in name and node.input)


def test_tied_weights_lead_to_both_layers():
    nodes = nodes_of(NETWORKS["stateful, tied"])
    users = [name for name, node in nodes.items() if "embedding/embeddings" in node.input]
    assert users == ["embedding/Embedding", "output/Dense"]


def test_layers_are_connected_in_order():
    nodes = nodes_of(NETWORKS["windows"])
    path = ["tokens", "embedding/Embedding", "lstm_1/LSTM", "lstm_2/LSTM", "output/Dense", "loss"]
    for before, after in itertools.pairwise(path):
        assert nodes[after].input[0] == before
    assert [shape_of(nodes[name]) for name in path] == [(-1, 3), (-1, 3, 512), (-1, 3, 512), (-1, 512), (-1, 113), ()]
