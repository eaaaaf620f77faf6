"""Report of `rnnwords info` as text: layers, vocabulary, and the training record as tables."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rnnwords.cli.output.terminal import safe, short_word
from rnnwords.cli.reports.training.run_summary import architecture, describe_held_out
from rnnwords.config import HeldOutFigures
from rnnwords.model_file import HELD_OUT

if TYPE_CHECKING:
    from rnnwords.model_file import Model

FREQUENT_WORDS = 10
LABEL = 10  # columns of a label, as a rule
MIN_VALUE = 20  # columns of a value, at least
MAX_VALUE = 500  # characters
COUNTS = ("words", "values")  # of a text, of a series
METRICS = ("accuracy", "perplexity", "loss", "rmse")  # in this order
ANCESTOR = ("words", "corpus", "tokens", "step", "epoch", "perplexity", "of")  # in this order
DIGESTS = ("corpus", "validation", "run")  # SHA-256 of texts and of settings
DIGEST = 12  # digits of one that are shown


def lines_of(report: Mapping[str, Any], model: "Model", width: int | None) -> Iterator[str]:
    """Yield the lines of the report, wrapped to the width of a terminal."""
    yield f"{safe(report['model'])}: {report['bytes']:,} bytes, digest ok"
    yield ""
    yield from _layers(report)
    yield ""
    for label, value in _content(report, model, width):
        yield from _row(label, value, width)
    record = dict(report["training"])
    settings = record.pop("settings", None)
    if record:
        yield ""
        for label, value in _record(record):
            yield from _row(label, value, width)
    if isinstance(settings, dict) and (chosen := {name: value for name, value in settings.items() if value}):
        columns = max(LABEL, *map(len, chosen))
        yield ""
        yield f"{'setting':<{columns}}  value"
        for name, value in chosen.items():
            yield from _row(name.replace("_", " "), _value(name, value), width, columns)


def _row(label: str, value: str, width: int | None, columns: int = LABEL) -> Iterator[str]:
    """Yield a label and its value, which continues below itself where it is wider than the terminal."""
    label, value = f"{safe(label):<{columns}}  ", safe(value)[:MAX_VALUE]
    room = None if width is None else max(MIN_VALUE, width - len(label) - 1)
    parts = [value] if room is None else textwrap.wrap(value, room, break_on_hyphens=False)
    for number, part in enumerate(parts or [""]):
        yield (" " * len(label) if number else label) + part


def _layers(report: Mapping[str, Any]) -> Iterator[str]:
    rows = [("layer", "output shape", "parameters")]
    rows += [(row["layer"], "(" + ", ".join(str(n or "batch") for n in row["shape"]) + ")", f"{row['parameters']:,}")
             for row in report["layers"]]  # fmt: skip
    rows.append(("total", "", f"{report['weights']:,}"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for name, shape, count in rows:
        yield f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {count:>{widths[2]}}"


def _content(report: Mapping[str, Any], model: "Model", width: int | None) -> Iterator[tuple[str, str]]:
    """Yield label and value of what the model consists of."""
    vocabulary = report["vocabulary"]
    if series := model.series:
        from rnnwords.forecasting.digits import value_text

        scaled = f"{value_text(series.low, series.span)} to {value_text(series.high, series.span)} scaled to 0 to 1"
        yield "numbers", f"column {series.column}, {vocabulary['words']:,} values; {scaled}"
    else:
        yield "network", architecture(model.network)
        frequent = " ".join(short_word(word, width) for word in model.vocabulary.words[:FREQUENT_WORDS])
        tokens = f"{vocabulary['symbols']:,} tokens of {vocabulary['words']:,} words"
        yield "vocabulary", f"{tokens}; most frequent: {frequent}"
        yield "text", ", ".join(f"{name} {_value(name, value)}" for name, value in report["text"].items())
    if ngram := report["ngram"]:
        content = f"{ngram['ngrams']:,} n-grams of up to {ngram['order']} words"
        unused = "" if "ngram" in report["used"] else "; not used by default, since no weights were fitted"
        yield "n-gram", f"{content}, {ngram['bytes']:,} bytes{unused}"
    if spelling := report["spelling"]:
        content = f"{spelling['ngrams']:,} n-grams of {spelling['letters']:,} letters, {spelling['bytes']:,} bytes"
        yield "spelling", f"{content}; for the bits per character of unknown words"
    if adaptation := report["adaptation"]:
        content = f"rate {adaptation['rate']:g}, decay {adaptation['decay']:g}, every {adaptation['segment']:,} words"
        yield "adaptation", f"{content}, fitted on {adaptation['words']:,} words; for eval, score, repl and lsp --adapt"
    if not model.series:
        from rnnwords.lm.describe import summary

        yield "prediction", summary(report["used"]) or "network alone"


def _record(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield label and value of the parts of the training record: first what the training reached, and on which text."""
    unit = next((name for name in COUNTS if name in record), "")
    if isinstance(metrics := record.pop("metrics", None), dict) and metrics:
        yield "reached", _metrics(metrics)
    if isinstance(step := record.pop("step", None), int):
        epoch = record.pop("epoch", None)
        yield "best step", f"{step:,}" + (f", after {epoch:,.1f} epochs" if isinstance(epoch, int | float) else "")
    if isinstance(words := record.pop(unit, None), int):
        yield "trained on", f"{words:,} {unit}, {_value('corpus', record.pop('corpus', ''))}".removesuffix(", ")
    if isinstance(ancestors := record.pop("ancestors", None), list):
        for number, ancestor in enumerate(ancestors, start=1):
            yield f"ancestor {number}", _ancestor(ancestor) if isinstance(ancestor, dict) else _value("", ancestor)
    if HELD_OUT in record:
        held_out = HeldOutFigures.from_json(record.pop(HELD_OUT))
        yield "held out", f"{describe_held_out(held_out)}; on {held_out.words:,} words that nothing else used"
    for name, value in record.items():
        yield name.replace("_", " "), _value(name, value)


def _ancestor(record: Mapping[str, Any]) -> str:
    """Return a model that training continued from: `words 204, corpus SHA-256 6068090d961b..., tokens 112, ...`."""
    names = [name for name in ANCESTOR if name in record] + [name for name in record if name not in ANCESTOR]
    return ", ".join(f"{name} {_value(name, record[name])}" for name in names if record[name] is not None)


def _metrics(metrics: Mapping[str, Any]) -> str:
    """Return the metrics of the best model: `accuracy 24.9%, loss 3.83, perplexity 46.3 on 1,364 words of ...`."""
    counts = [f"{_value(name, count)} {name}" for name in COUNTS if (count := metrics.get(name)) is not None]
    of = [f"the {metrics['of']}"] if "of" in metrics else []
    names = [name for name in METRICS if name in metrics] + [
        name for name in metrics if name not in ("of", *COUNTS, *METRICS)
    ]
    line = ", ".join(
        f"{name.replace('_', ' ')} {_value(name, metrics[name])}" for name in names if metrics[name] is not None
    )
    return " on ".join([line, " of ".join(counts + of)] if counts or of else [line])


def _value(name: str, value: Any) -> str:
    """Return a value of the record as text, never as JSON."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value) if name == "seed" else f"{value:,}"
    if isinstance(value, float):
        return f"{value:.1%}" if name == "accuracy" else f"{value:,.4g}"
    if isinstance(value, list):
        return (" of " if name == "max_accuracy" else ", ").join(_value("", one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_value(key, one)}" for key, one in value.items())
    if name in DIGESTS and isinstance(value, str):
        return f"SHA-256 {value[:DIGEST]}..."
    return "none" if value is None else str(value)
