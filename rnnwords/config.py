"""The settings of a text, a network and a training run: frozen, validated, to and from JSON.

Every number has its allowed range beside it; a value outside is refused here, before anything is loaded or allocated,
whether it came from an option, a file or a caller.
"""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Self

from rnnwords.errors import UsageError

TOKENIZERS = ("words", "whitespace")
READINGS = ("windows", "stateful")
CELLS = ("lstm", "gru", "simple")
INPUTS = ("embedding", "one-hot", "scalar")  # of words; a network of numbers has the input "number"
OUTPUTS = ("softmax", "linear")
OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
SOFTMAXES = ("full", "adaptive")
SCHEDULES = ("constant", "cosine", "one-cycle")
PRECISIONS = ("auto", "float32", "bfloat16")
ORDERS = ("shuffled", "strides")
OUTPUT_STARTS = ("glorot", "normal")
SAMPLES = ("word", "classic", "text")


def within(low: float, high: float, **options: Any) -> Any:
    """A dataclass field whose number must lie in low..high, both included."""
    return field(metadata={"range": (low, high)}, **options)


def one_of(choices: tuple[str, ...], **options: Any) -> Any:
    """A dataclass field whose text must be one of `choices`."""
    return field(metadata={"choices": choices}, **options)


@dataclass(frozen=True)
class Config:
    """Base of the settings: checks types, ranges and choices; `to_json` and `from_json` are each other's inverse."""

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            check_value(item, getattr(self, item.name))

    def to_json(self) -> dict[str, Any]:
        """The settings as a dictionary of plain JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: object) -> Self:
        """The settings from such a dictionary. Raises UsageError for unknown or missing keys and for bad values."""
        if not isinstance(values, dict):
            raise UsageError(f"{cls.__name__}: expected an object, got {type(values).__name__}")
        known = {item.name: item for item in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - set(known)):
            raise UsageError(f"{cls.__name__}: unknown setting {unknown[0]!r}")
        for name, item in known.items():
            if name not in values and item.default is dataclasses.MISSING:
                raise UsageError(f"{cls.__name__}: setting {name!r} is missing")
        return cls(**values)


def check_value(item: dataclasses.Field[Any], value: object) -> None:
    """Raise UsageError unless `value` has the type of the field and lies in its range or among its choices."""
    optional = "None" in str(item.type)
    if value is None and optional:
        return
    name = item.name.replace("_", "-")
    if choices := item.metadata.get("choices"):
        if not isinstance(value, str) or value not in choices:
            raise UsageError(f"{name} must be one of {', '.join(choices)}; got {shown(value)}")
    elif "bool" in str(item.type):
        if not isinstance(value, bool):
            raise UsageError(f"{name} must be true or false; got {shown(value)}")
    elif limits := item.metadata.get("range"):
        whole = "int" in str(item.type)
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            raise UsageError(f"{name} must be a {'whole ' if whole else ''}number; got {shown(value)}")
        low, high = limits
        if not low <= value <= high:  # NaN lies nowhere
            raise UsageError(f"{name} must be between {low:,} and {high:,}; got {shown(value)}")


def shown(value: object) -> str:
    """A value as an error message names it: short, whatever it is."""
    try:
        text = f"{value:,}" if isinstance(value, (int, float)) and not isinstance(value, bool) else repr(value)
    except ValueError:  # Python writes out no integer of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:77]}..."


@dataclass(frozen=True)
class TextConfig(Config):
    """How text becomes symbols; part of every vocabulary and model, so that they cannot disagree about a word."""

    tokenizer: str = one_of(TOKENIZERS, default="words")
    lowercase: bool = False
    eos: bool = False  # each line end is a symbol


@dataclass(frozen=True)
class NetworkConfig(Config):
    """The shape of the network: B batch, T window, E embedding, H units, V vocabulary."""

    vocabulary_size: int = within(1, 1_000_000)  # V
    reading: str = one_of(READINGS, default="windows")
    window: int = within(1, 1_000, default=3)  # T: words seen (windows) or steps of truncated back-propagation
    cell: str = one_of(CELLS, default="lstm")
    layers: int = within(1, 16, default=2)
    units: int = within(1, 8_192, default=512)  # H
    input: str = one_of((*INPUTS, "number"), default="embedding")
    embedding: int = within(1, 8_192, default=512)  # E
    tie: bool = False  # the output layer uses the embedding's weights
    softmax: str = one_of(SOFTMAXES, default="full")
    output: str = one_of(OUTPUTS, default="softmax")  # linear: the next value itself, V = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.input == "number") != (self.output == "linear") or (self.numbers and self.vocabulary_size != 1):
            raise UsageError(
                f"input number, output linear and 1 value go together; got input {self.input}, output {self.output} "
                f"and {self.vocabulary_size:,}"
            )
        if self.tie and self.input != "embedding":
            raise UsageError(f"tie needs input embedding; got input {self.input}")
        if self.softmax == "adaptive" and (self.tie or self.vocabulary_size < 20 or self.units < 16):
            raise UsageError("an adaptive softmax needs no tie, 20 symbols or more, and 16 units or more")

    def to_json(self) -> dict[str, Any]:
        """As in Config. A network of words has no `output`, so that readers of format 1.0 know all its settings."""
        values = super().to_json()
        if not self.numbers:
            del values["output"]
        return values

    @property
    def numbers(self) -> bool:
        """Whether it reads numbers and gives the next one; else words."""
        return self.output == "linear"

    @property
    def stateful(self) -> bool:
        """Whether state is carried on from word to word, without a window."""
        return self.reading == "stateful"

    @property
    def input_width(self) -> int:
        """Width of what the first layer reads: E, V or 1."""
        return {"embedding": self.embedding, "one-hot": self.vocabulary_size}.get(self.input, 1)

    @property
    def gates(self) -> int:
        """How many blocks of H columns a cell's kernel has."""
        return {"lstm": 4, "gru": 3, "simple": 1}[self.cell]

    @property
    def projects(self) -> bool:
        """Whether a projection H -> E stands between the last layer and the tied output."""
        return self.tie and self.embedding != self.units

    @property
    def clusters(self) -> tuple[tuple[int, int, int], ...]:
        """The tails of an adaptive softmax (Grave et al. 2017): first rank, last rank + 1, width of the projection."""
        if self.softmax == "full":
            return ()
        V, first, second = self.vocabulary_size, min(4_000, self.vocabulary_size // 10), self.vocabulary_size // 4
        return (first, second, self.units // 4), (second, V, self.units // 16)

    def layer_table(self) -> list[dict[str, Any]]:
        """Layers with their output shapes (None is the batch) and parameter counts, as Keras' summary gives them."""
        words = None if self.stateful else self.window
        rows: list[dict[str, Any]] = []
        for name, shape in self.shapes().items():
            layer = name.split("/")[0]
            recurrent = layer.startswith(self.cell)
            if not rows or rows[-1]["layer"] != layer:
                whole = self.stateful or layer == "embedding" or (recurrent and layer != f"{self.cell}_{self.layers}")
                rows.append({"layer": layer, "shape": [None, words, 0] if whole else [None, 0], "parameters": 0})
            rows[-1]["shape"][-1] = self.units if recurrent else shape[-1]
            rows[-1]["parameters"] += math.prod(shape)
        return rows

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of all weights, in the order of the network, without allocating anything."""
        V, E, H, G = self.vocabulary_size, self.embedding, self.units, self.gates
        found: dict[str, tuple[int, ...]] = {}
        if self.input == "embedding":
            found["embedding/embeddings"] = (V, E)
        for layer in range(self.layers):
            width = self.input_width if layer == 0 else H
            found[f"{self.cell}_{layer + 1}/kernel"] = (width, G * H)
            found[f"{self.cell}_{layer + 1}/recurrent_kernel"] = (H, G * H)
            found[f"{self.cell}_{layer + 1}/bias"] = (2, G * H) if self.cell == "gru" else (G * H,)
        if self.projects:
            found["projection/kernel"] = (H, E)
        heads = self.clusters[0][0] + len(self.clusters) if self.clusters else V
        if not self.tie:
            found["output/kernel"] = (H, heads)
        found["output/bias"] = (heads,)
        for number, (first, end, width) in enumerate(self.clusters, start=1):
            found[f"tail_{number}/projection"] = (H, width)
            found[f"tail_{number}/kernel"] = (width, end - first)
            found[f"tail_{number}/bias"] = (end - first,)
        return found


@dataclass(frozen=True)
class SeriesConfig(Config):
    """What a network of numbers forecasts, and how its values become what the network reads: low is 0, high is 1."""

    column: str
    low: float = within(-1e15, 1e15)  # of the training part
    high: float = within(-1e15, 1e15)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.column, str) or not self.column:
            raise UsageError(f"column must be a name; got {shown(self.column)}")
        if not self.high - self.low > 1e-9 * max(abs(self.low), abs(self.high)):
            raise UsageError(f"column {shown(self.column)}: expected values that differ; all are {self.low:,g}")


@dataclass(frozen=True)
class TrainingConfig(Config):
    """How a network is trained. None means: chosen from the text by `training.defaults`."""

    seed: int = within(0, 2**32 - 1)
    batch_size: int | None = within(1, 65_536, default=None)
    optimizer: str | None = one_of(OPTIMIZERS, default=None)
    learning_rate: float | None = within(1e-8, 100.0, default=None)
    learning_rate_end: float | None = within(0.0, 100.0, default=None)  # of a cosine; None: 1 % of the highest
    schedule: str | None = one_of(SCHEDULES, default=None)
    warmup: float | None = within(0.0, 0.9, default=None)  # share of the budget
    weight_decay: float | None = within(0.0, 1.0, default=None)
    clip_norm: float | None = within(1e-6, 1e6, default=None)
    dropout: float | None = within(0.0, 0.95, default=None)
    dropout_start: float | None = within(0.0, 0.95, default=None)  # of the run; None: as at its end
    variational: bool = False  # dropout: one mask for all words of a step
    weight_dropout: float | None = within(0.0, 0.95, default=None)  # of the recurrent weights
    label_smoothing: float = within(0.0, 0.5, default=0.0)
    ema: float | None = within(0.0, 0.99999, default=None)  # decay of the running average of weights
    short_windows: float | None = within(0.0, 0.9, default=None)  # share of windows that start late
    precision: str = one_of(PRECISIONS, default="auto")
    epochs: int | None = within(1, 1_000_000, default=None)
    iterations: int | None = within(1, 10**12, default=None)
    seconds: float | None = within(1.0, 10**8, default=None)
    patience: int | None = within(1, 1_000_000, default=None)  # reports without a better held-out loss
    log_every: int | None = within(1, 10**9, default=None)  # iterations
    checkpoint_every: int | None = within(1, 10**9, default=None)  # iterations
    checkpoint_seconds: float = within(0.0, 10**8, default=300.0)
    histograms: bool = False  # of weights and gradients, for TensorBoard
    order: str = one_of(ORDERS, default="shuffled")  # of windows: anew each epoch, or see text.corpus.Strides
    output_start: str = one_of(OUTPUT_STARTS, default="glorot")  # initial weights of the output layer
    to_ceiling: bool = True  # stop where nothing more can be learned
    sample: str = one_of(SAMPLES, default="word")  # what a report shows: see training.samples

    def __post_init__(self) -> None:
        super().__post_init__()
        budgets = [name for name in ("epochs", "iterations", "seconds") if getattr(self, name) is not None]
        if len(budgets) > 1:
            raise UsageError(f"one budget at most: got {' and '.join(budgets)}")
        end, top = self.learning_rate_end, self.learning_rate
        if end is not None and self.schedule not in (None, "cosine"):
            raise UsageError(f"learning-rate-end is for the schedule cosine; got {self.schedule}")
        if end is not None and top is not None and end > top:
            raise UsageError(f"learning-rate-end must be the highest rate, {top:g}, or less; got {end:g}")
