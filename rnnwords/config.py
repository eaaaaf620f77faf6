"""Base of all settings, and the settings of texts, series and interpolation: frozen, validated, to and from JSON.

A setting is a dataclass field. Its annotation gives the types it accepts, `within` or `one_of` the values. A value
outside is refused here, before anything is loaded or allocated, whether it came from an option, a file or a caller.
"""

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from rnnwords.errors import UsageError

TOKENIZERS = ("words", "whitespace")
NORMALIZATIONS = ("nfc", "none")
OOV_POLICIES = ("unk", "skip", "error")
DECIMALS = ("auto", ".", ",")  # signs of the numbers in a table
INTERPOLATIONS = ("auto", "off", "fixed", "count")  # or the weight of the network, a number
MAX_BINS = 1_000


def within(low: float, high: float, **options: Any) -> Any:
    """Return a dataclass field whose number must lie in low..high, both included."""
    return field(metadata={"range": (low, high)}, **options)


def one_of(choices: tuple[str, ...], **options: Any) -> Any:
    """Return a dataclass field whose text must be one of `choices`."""
    return field(metadata={"choices": choices}, **options)


class Config:
    """Base class of dataclasses that check types, ranges and choices; `from_json` is the inverse of `to_json`."""

    RENAMED: ClassVar[Mapping[str, str]] = {}  # name in files of earlier formats -> name now
    BEFORE: ClassVar[Mapping[str, Any]] = {}  # setting -> what files of earlier formats, which lack it, were made with
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]  # of the subclasses, frozen or not

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            check_value(type(self), item, getattr(self, item.name))

    @classmethod
    @functools.cache
    def accepted_types(cls) -> dict[str, tuple[Any, ...]]:
        """Return field name -> the types its annotation accepts; of `int | None` these are int and NoneType."""
        hints = typing.get_type_hints(cls)
        annotations = {item.name: hints[item.name] for item in dataclasses.fields(cls)}
        return {
            name: typing.get_args(one) if isinstance(one, types.UnionType) else (one,)
            for name, one in annotations.items()
        }

    def to_json(self) -> dict[str, Any]:
        """Return the settings as a dictionary of plain JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: object) -> Self:
        """Return the settings from such a dictionary, also from one with the names of an earlier format.

        Raises UsageError for unknown or missing keys and for bad values.
        """
        if not isinstance(values, dict):
            raise UsageError(f"{cls.__name__}: expected an object, found {type(values).__name__}")
        renamed = {cls.RENAMED.get(name, name): value for name, value in values.items()}
        if len(renamed) < len(values):
            raise UsageError(f"{cls.__name__}: expected each setting once, found one by its old and its new name")
        renamed = {**cls.BEFORE, **renamed}
        accepted = cls.accepted_types()
        if unknown := sorted(set(renamed) - set(accepted), key=str):
            raise UsageError(f"{cls.__name__}: expected known settings, found unknown setting {shown(unknown[0])}")
        for item in dataclasses.fields(cls):
            if item.name not in renamed and item.default is item.default_factory:  # both MISSING: without a default
                raise UsageError(f"{cls.__name__}: setting {item.name!r} is missing")
        return cls(**{name: _from_plain(accepted[name], value) for name, value in renamed.items()})


def _from_plain(accepted: tuple[Any, ...], value: object) -> object:
    """Return a JSON value as the field holds it: a nested Config from its object, a tuple from its list."""
    if isinstance(accepted[0], type) and issubclass(accepted[0], Config):
        return accepted[0].from_json(value)
    if isinstance(value, list) and any(typing.get_origin(one) is tuple for one in accepted):
        return tuple(value)
    return value


def check_value(config: type[Config], item: "dataclasses.Field[Any]", value: object) -> None:
    """Raise UsageError unless `value` has a type of the field and lies in its range or among its choices."""
    accepted = config.accepted_types()[item.name]
    kinds = tuple(typing.get_origin(one) or one for one in accepted)
    if type(value) is bool:
        fits = bool in accepted
    else:
        fits = isinstance(value, kinds) or (float in accepted and type(value) is int)
    if not fits or not _allowed(item.metadata, value):
        raise UsageError(f"`{item.name}`: expected {_expected(accepted, item.metadata)}, found {shown(value)}")


def _allowed(metadata: Mapping[str, Any], value: Any) -> bool:
    """Return whether a value of the right type lies in the range or among the choices of its field, if it has any."""
    if value is None:
        return True
    if "range" in metadata and isinstance(value, int | float):
        low, high = metadata["range"]
        return bool(low <= value <= high)  # False for NaN
    return value in metadata["choices"] if "choices" in metadata else True


def _expected(accepted: tuple[Any, ...], metadata: Mapping[str, Any]) -> str:
    """Return what a field accepts, for an error message."""
    if "choices" in metadata:
        return f"one of {', '.join(metadata['choices'])}"
    if bool in accepted:
        return "true or false"
    if isinstance(accepted[0], type) and issubclass(accepted[0], Config):
        return accepted[0].__name__
    if typing.get_origin(accepted[0]) is tuple:
        return "a list of numbers"
    if typing.get_origin(accepted[0]) is dict:
        return "an object"
    kind = "a whole number" if int in accepted else "a number" if float in accepted else "text"
    if "range" in metadata:
        low, high = metadata["range"]
        return f"{kind} between {low:,} and {high:,}"
    return kind


def shown(value: object) -> str:
    """Return a value as an error message shows it, in at most 80 characters."""
    if isinstance(value, str | bytes):
        value = value[:100]  # it may have millions of characters
    try:
        text = f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else repr(value)
    except ValueError:  # Python does not print integers of more than 4,300 digits
        return "a number of thousands of digits"
    except RecursionError:
        return f"a deeply nested {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


@dataclass(frozen=True)
class ReadConfig(Config):
    """How files become text."""

    encoding_errors: str = one_of(("strict", "replace"), default="strict")  # bytes that are not UTF-8: fail, or U+FFFD
    text_column: str | None = None  # of CSV files
    text_field: str | None = None  # of JSON Lines
    keep_code: bool = False  # blocks of code in Markdown and HTML
    keep_boilerplate: bool = False  # header and licence of Project Gutenberg
    as_is: bool = False  # read every file as plain text, whatever its name

    def changes(self) -> dict[str, Any]:
        """Return the settings that change a text and differ from their defaults."""
        return {name: value for name, value in self.to_json().items() if value != getattr(ReadConfig(), name)}


@dataclass(frozen=True)
class TextConfig(Config):
    """How text becomes tokens; part of every vocabulary and model, so that both split text alike."""

    BEFORE: ClassVar[Mapping[str, Any]] = {"normalize": "none", "rules": 1}

    tokenizer: str = one_of(TOKENIZERS, default="words")
    lowercase: bool = False
    eos: bool = False  # whether each line end is a token, <eos>
    normalize: str = one_of(NORMALIZATIONS, default="nfc")  # nfc: canonical composition, no invisible characters
    rules: int = within(1, 2, default=2)  # of the tokenizer `words`: see `text.tokens.word_patterns`


@dataclass(frozen=True)
class SeriesConfig(Config):
    """The column of a numeric network and its min-max scaling: `low` becomes 0, `high` becomes 1."""

    column: str
    low: float = within(-1e15, 1e15)  # of the training part
    high: float = within(-1e15, 1e15)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.column:
            raise UsageError("`column`: expected a name, found ''")
        if not self.span > 1e-13 * max(abs(self.low), abs(self.high)):  # else rounding decides
            raise UsageError(f"`column`: expected values that differ, found only {self.low:,g} in {shown(self.column)}")

    @property
    def span(self) -> float:
        """The difference between the highest and the lowest value."""
        return self.high - self.low


@dataclass(frozen=True)
class InterpolationWeights(Config):
    """Weights of one interpolation of network, n-gram and cache. None: the interpolation has no such part."""

    RENAMED: ClassVar[Mapping[str, str]] = {"theta": "sharpness"}

    network: float | None = within(0.0, 1.0, default=None)  # whatever the context
    by_count: tuple[float, ...] | None = None  # of the network, one per bin of n-gram contexts: `lm.interpolation`
    cache: float | None = within(0.0, 0.99, default=None)
    sharpness: float | None = within(0.0, 100.0, default=None)  # theta of Grave et al. 2017, or decay per word

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.by_count is not None:
            if not 1 <= len(self.by_count) <= MAX_BINS:
                raise UsageError(f"`by_count`: expected 1 to {MAX_BINS:,} numbers, found {len(self.by_count):,}")
            if not all(type(one) in (int, float) and 0 <= one <= 1 for one in self.by_count):
                raise UsageError(f"`by_count`: expected numbers between 0 and 1, found {shown(self.by_count)}")


@dataclass(frozen=True)
class FittedInterpolation(Config):
    """The n-gram of a model file and the interpolation weights fitted after training."""

    RENAMED: ClassVar[Mapping[str, str]] = {
        "order": "ngram_order", "ngrams": "ngram_count", "cache": "cache_size", "words": "validation_words",
        "digest": "validation_digest", "blend": "with_ngram", "memory": "with_cache", "both": "with_ngram_and_cache",
    }  # fmt: skip

    ngram_order: int | None = within(1, 100, default=None)  # None: the model file has no n-gram
    ngram_count: int | None = within(1, 10**12, default=None)  # n-grams of all orders
    cache_size: int | None = within(1, 10_000, default=None)  # words; None: no weights were fitted for a cache
    validation_words: int = within(0, 10**12, default=0)  # that the weights were fitted on; 0: none were there
    validation_digest: str | None = None  # SHA-256 of the validation file; None: a split of the training text
    with_ngram: InterpolationWeights = field(default_factory=InterpolationWeights)
    with_cache: InterpolationWeights = field(default_factory=InterpolationWeights)
    with_ngram_and_cache: InterpolationWeights = field(default_factory=InterpolationWeights)
    cache_by_default: bool = False  # whether predictions use the cache unless they are set otherwise

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.ngram_order is None) != (self.ngram_count is None):
            raise UsageError("expected the order and the number of n-grams of an n-gram model, found one of the two")

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain JSON values, without the weights that are None."""
        return {
            name: {key: list(one) if isinstance(one, tuple) else one for key, one in value.items() if one is not None}
            if isinstance(value, dict)
            else value
            for name, value in super().to_json().items()
        }


@dataclass(frozen=True)
class HeldOutFigures(Config):
    """Perplexities on the half of the validation text that chose nothing. None: infinite, or there is no n-gram."""

    words: int = within(1, 10**12)  # predicted
    network: float | None = within(0.0, float("inf"))  # alone
    predictor: float | None = within(0.0, float("inf"))  # as predictions are by default
    ngram: float | None = within(0.0, float("inf"), default=None)  # alone
    ngram_order: int | None = within(1, 100, default=None)


@dataclass(frozen=True)
class InterpolationConfig(Config):
    """What is interpolated with the network at prediction.

    `interpolate`: `auto`, all that was fitted on validation text after training, which may be nothing; `off`, the
    network alone; with the n-gram of the model file: `fixed` or `count`, the fitted weights, constant or by how often
    the n-gram has seen the context; or the weight of the network. `cache`: words of the cache; 0 is off; None: with
    `auto` that of the model file, else off. `adapt`: whether the weights of the network adapt to the text that is read.
    """

    interpolate: float | str = "auto"
    cache: int | None = within(0, 10_000, default=None)
    cache_weight: float | None = within(0.0, 0.99, default=None)
    cache_sharpness: float | None = within(0.0, 100.0, default=None)
    adapt: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        chosen = self.interpolate
        if not (chosen in INTERPOLATIONS or (isinstance(chosen, int | float) and 0 <= chosen <= 1)):
            raise UsageError(
                f"`interpolate`: expected {', '.join(INTERPOLATIONS)} or a number between 0 and 1, "
                f"found {shown(chosen)}"
            )
        if self.cache is not None or self.interpolate != "auto":  # else the model may have a cache
            self.check_cache(self.cache)

    def check_cache(self, cache: int | None) -> None:
        """Raise UsageError for weight or sharpness without a cache. `cache`: its words; None or 0 is none."""
        if not cache and (self.cache_weight is not None or self.cache_sharpness is not None):
            raise UsageError(
                "`cache_weight` and `cache_sharpness`: expected a cache, found none; set `cache` to a number of words"
            )


@dataclass(frozen=True)
class AdaptationConfig(Config):
    """Settings of dynamic evaluation (Krause et al. 2018), fitted on the validation text."""

    rate: float = within(0.0, 100.0)  # learning rate
    decay: float = within(0.0, 1.0)  # per segment, back to the trained weights
    segment: int = within(1, 10_000)  # words between two updates
    words: int = within(0, 10**12, default=0)  # validation words that the settings were fitted on
