"""Settings of a network: its shape, and the names and shapes of its weights."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from rnnwords.config import Config, one_of, within
from rnnwords.errors import UsageError

MODES = ("windows", "stateful")
RNN_CELLS = ("lstm", "gru", "simple")
INPUTS = ("embedding", "one-hot", "scalar")  # of token ids; a numeric network has the input "number"
OUTPUTS = ("softmax", "linear")
SOFTMAXES = ("full", "adaptive")


@dataclass(frozen=True)
class NetworkConfig(Config):
    """The shape of a network: T window, E embedding, H units, V vocabulary, G gates per cell."""

    RENAMED: ClassVar[Mapping[str, str]] = {"reading": "mode"}

    vocabulary_size: int = within(1, 1_000_000)  # V
    mode: str = one_of(MODES, default="windows")
    window: int = within(1, 1_000, default=3)  # T: words of context (windows) or steps of truncated back-propagation
    cell: str = one_of(RNN_CELLS, default="lstm")
    layers: int = within(1, 16, default=2)
    units: int = within(1, 8_192, default=512)  # H
    input: str = one_of((*INPUTS, "number"), default="embedding")
    embedding: int = within(1, 8_192, default=512)  # E
    tie: bool = False  # the output layer uses the embedding's weights
    softmax: str = one_of(SOFTMAXES, default="full")
    output: str = one_of(OUTPUTS, default="softmax")  # linear: the next value itself, V = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.input == "number") != (self.output == "linear") or (self.numeric and self.vocabulary_size != 1):
            raise UsageError(
                "expected `input` number, `output` linear and 1 value together, found "
                f"{self.input}, {self.output} and {self.vocabulary_size:,}"
            )
        if self.tie and self.input != "embedding":
            raise UsageError(f"`tie`: expected `input` embedding, found {self.input}; leave `tie` out")
        if self.softmax == "adaptive" and (self.tie or self.vocabulary_size < 20 or self.units < 16):
            raise UsageError(
                "`softmax` adaptive: expected no `tie`, 20 or more tokens and 16 or more units, found "
                f"{'' if self.tie else 'no '}`tie`, {self.vocabulary_size:,} and {self.units:,}; use `softmax` full"
            )

    def to_json(self) -> dict[str, Any]:
        """Return the settings as in Config, without `output` softmax: readers of format 1.0 lack that setting."""
        values = super().to_json()
        if not self.numeric:
            del values["output"]
        return values

    @property
    def numeric(self) -> bool:
        """Whether the network predicts the next value of a series; else the next token of a text."""
        return self.output == "linear"

    @property
    def stateful(self) -> bool:
        """Whether the state is carried from token to token, without a window."""
        return self.mode == "stateful"

    @property
    def input_width(self) -> int:
        """Width of the input of the first layer: E, V or 1."""
        return {"embedding": self.embedding, "one-hot": self.vocabulary_size}.get(self.input, 1)

    @property
    def gates(self) -> int:
        """Gates per cell (G): blocks of H columns of a kernel."""
        return {"lstm": 4, "gru": 3, "simple": 1}[self.cell]

    @property
    def projects(self) -> bool:
        """Whether a projection H -> E precedes the tied output layer."""
        return self.tie and self.embedding != self.units

    @property
    def clusters(self) -> tuple[tuple[int, int, int], ...]:
        """The tails of an adaptive softmax (Grave et al. 2017): first id, last id + 1, width of the projection."""
        if self.softmax == "full":
            return ()
        V, first, second = self.vocabulary_size, min(4_000, self.vocabulary_size // 10), self.vocabulary_size // 4
        return (first, second, self.units // 4), (second, V, self.units // 16)

    @property
    def weight_count(self) -> int:
        """Number of weights. Nothing is allocated."""
        return sum(map(math.prod, self.shapes().values()))

    def layer_table(self) -> list[dict[str, Any]]:
        """Return the layers with output shapes (None is the batch) and parameter counts, as in the summary of Keras."""
        steps = None if self.stateful else self.window
        rows: list[dict[str, Any]] = []
        for name, shape in self.shapes().items():
            layer = name.split("/")[0]
            recurrent = layer.startswith(self.cell)
            if not rows or rows[-1]["layer"] != layer:
                whole = self.stateful or layer == "embedding" or (recurrent and layer != f"{self.cell}_{self.layers}")
                rows.append({"layer": layer, "shape": [None, steps, 0] if whole else [None, 0], "parameters": 0})
            rows[-1]["shape"][-1] = self.units if recurrent else shape[-1]
            rows[-1]["parameters"] += math.prod(shape)
        return rows

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of all weights, in the order of the network. Nothing is allocated."""
        V, E, H, G = self.vocabulary_size, self.embedding, self.units, self.gates
        shapes: dict[str, tuple[int, ...]] = {}
        if self.input == "embedding":
            shapes["embedding/embeddings"] = (V, E)
        for layer in range(self.layers):
            width = self.input_width if layer == 0 else H
            shapes[f"{self.cell}_{layer + 1}/kernel"] = (width, G * H)
            shapes[f"{self.cell}_{layer + 1}/recurrent_kernel"] = (H, G * H)
            shapes[f"{self.cell}_{layer + 1}/bias"] = (2, G * H) if self.cell == "gru" else (G * H,)
        if self.projects:
            shapes["projection/kernel"] = (H, E)
        heads = self.clusters[0][0] + len(self.clusters) if self.clusters else V
        if not self.tie:
            shapes["output/kernel"] = (H, heads)
        shapes["output/bias"] = (heads,)
        for number, (first, end, width) in enumerate(self.clusters, start=1):
            shapes[f"tail_{number}/projection"] = (H, width)
            shapes[f"tail_{number}/kernel"] = (width, end - first)
            shapes[f"tail_{number}/bias"] = (end - first,)
        return shapes
