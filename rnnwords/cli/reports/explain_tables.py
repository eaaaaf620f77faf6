"""Report of `rnnwords explain`: aligned tables, with bars on a terminal, or JSON values."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from rnnwords.cli.output.bars import bar, block_for
from rnnwords.cli.output.terminal import can_write, cell_count, columns, short_word

if TYPE_CHECKING:
    from rnnwords.prediction.explanation import ExplainedWord, Explanation, LayerTrace, Omission
    from rnnwords.prediction.ranking import Prediction

BAR_LENGTH, MIN_BAR_LENGTH = 8, 3  # columns of a bar for 100 %: where there is room, and at least


class TableStyle(NamedTuple):
    """How tables are drawn on an output."""

    width: int | None  # columns; None: no limit
    block: str  # character of bars; empty: no bars
    plus_minus: str  # between mean and spread

    @classmethod
    def of(cls, output: TextIO, plain: bool) -> "TableStyle":
        """Return the style for `output`: a terminal has a width and, unless it is `plain`, bars."""
        plus_minus = "\u00b1" if can_write("\u00b1", output) else "+-"
        return cls(columns(output), "" if plain else block_for(output), plus_minus)

    def word(self, word: str) -> str:
        """Return a word with its control characters escaped, and cut where the output has a width."""
        return short_word(word, self.width)

    def bar(self, share: float, length: int = BAR_LENGTH) -> str:
        """Return a share of 0 to 1 as a bar."""
        return bar(share, length, self.block)


def lines_of(explanation: "Explanation", style: TableStyle) -> Iterator[str]:
    """Yield the lines of all tables."""
    read = " ".join(style.word(step.word) for step in explanation.words) or "no word read"
    best = explanation.predictions[0] if explanation.predictions else None
    yield f"{read} -> {_best(best, style)}"
    yield ""
    yield from _after(explanation, style)
    if not explanation.words:
        return
    for layer in explanation.layers:
        units = layer.states["hidden"].shape[1]
        scale = "; 0 is a closed gate, 1 an open one" if layer.gates else ""
        yield ""
        yield f"{layer.name}: mean {style.plus_minus}spread of {units:,} {'units' if units > 1 else 'unit'}{scale}"
        yield from _levels(explanation, layer, style)
    yield ""
    yield "with one word left out; the divergence is in nats"
    yield from _without(explanation, style)


def _after(explanation: "Explanation", style: TableStyle) -> Iterator[str]:
    """Yield the most probable next words after each word; before any word, by frequency."""
    steps = [(step.word, step.predictions) for step in explanation.words] or [("", explanation.predictions)]
    count = max(len(predictions) for _, predictions in steps)
    rows = [["after", "next", "", *map(str, range(2, count + 1))]]
    for word, predictions in steps:
        best, *others = [_best(prediction, style) for prediction in predictions] or [""]
        rows.append([style.word(word), best, _bar(predictions, style), *others])
    yield from _table_with_bars(rows, style)


def _levels(explanation: "Explanation", layer: "LayerTrace", style: TableStyle) -> Iterator[str]:
    """Yield a line per word, with the gates and the cell state of a layer, or the hidden state of a cell without one.

    The JSON report also has candidates, and the hidden states of cells with a cell state.
    """
    steps = [layer.summaries(place) for place in range(len(explanation.words))]
    gates, state = [name for name in layer.gates if name != "candidate"], list(layer.states)[-1]
    rows = [["word", *gates, f" {state}"]]
    for step, summaries in zip(explanation.words, steps, strict=True):
        shown = [f"{summaries[name].mean:.2f} {style.plus_minus}{summaries[name].spread:.2f}" for name in gates]
        signed = f"{summaries[state].mean: z.2f} {style.plus_minus}{summaries[state].spread:.2f}"
        rows.append([style.word(step.word), *shown, signed])
    size = BAR_LENGTH if style.block and gates else 0
    if size and style.width is not None:  # the width limits the bars
        used = sum(max(map(cell_count, column)) + 2 for column in zip(*rows, strict=True))
        size = min(BAR_LENGTH, (style.width - used) // len(gates) - 1)
    if size >= MIN_BAR_LENGTH:
        for row, summaries in zip(rows[1:], steps, strict=True):
            for place, name in enumerate(gates, start=1):
                row[place] += f" {style.bar(summaries[name].mean, size):<{size}}"
    yield from table(rows, style.width)


def _without(explanation: "Explanation", style: TableStyle) -> Iterator[str]:
    """Yield the predictions without one of the words."""
    predictions = explanation.predictions
    rows = [["without", style.word(predictions[0].word) if predictions else "", "", "then next", "divergence"]]
    rows.append(["(none)", f"{predictions[0].probability:7.2%}" if predictions else "", _bar(predictions, style)])
    for omission in explanation.omissions:
        rows.append([
            style.word(omission.word), f"{omission.probability:7.2%}", style.bar(omission.probability),
            _best(omission.predictions[0] if omission.predictions else None, style), f"{omission.divergence:10.4f}",
        ])  # fmt: skip
    yield from _table_with_bars(rows, style)


def _table_with_bars(rows: list[list[str]], style: TableStyle) -> Iterator[str]:
    """Yield rows that have bars in the third column, which is left out if the style has none."""
    return table(rows if style.block else [row[:2] + row[3:] for row in rows], style.width)


def _bar(predictions: "Sequence[Prediction]", style: TableStyle) -> str:
    return style.bar(predictions[0].probability if predictions else 0)


def table(rows: Sequence[Sequence[str]], width: int | None) -> Iterator[str]:
    """Yield rows, the header first, in aligned columns. Columns beyond `width` follow below, with the first one."""
    names, *others = zip_longest(*rows, fillvalue="")
    widths = [max(map(cell_count, column)) for column in others]
    first = max(map(cell_count, names))
    start = 0
    while start < len(others):
        end, used = start + 1, first + 2 + widths[start]
        while end < len(others) and (width is None or used + 2 + widths[end] < width):
            used += 2 + widths[end]
            end += 1
        if start:
            yield ""
        for name, *row in zip(names, *others[start:end], strict=True):
            cells = [(name, first), *zip(row, widths[start:end], strict=True)]
            yield "  ".join(cell + " " * (size - cell_count(cell)) for cell, size in cells).rstrip()
        start = end


def _best(prediction: "Prediction | None", style: TableStyle) -> str:
    return "nothing" if prediction is None else f"{style.word(prediction.word)} {prediction.probability:.2%}"


def report(explanation: "Explanation") -> dict[str, Any]:
    """Return an explanation as JSON values, with the keys of `predict` and more."""
    return {
        "prompt": explanation.prompt,
        "predictions": _predictions(explanation.predictions),
        "oov": explanation.unknown,
        "entropy": explanation.entropy,
        "truncated": explanation.truncated,
        "words_before": explanation.before,
        "words": [
            {**_values(step), "layers": [_layer(layer, place) for layer in explanation.layers]}
            for place, step in enumerate(explanation.words)
        ],
        "without": [_values(omission) for omission in explanation.omissions],
    }


def _predictions(predictions: "Sequence[Prediction]") -> list[dict[str, Any]]:
    return [prediction._asdict() for prediction in predictions]


def _values(row: "ExplainedWord | Omission") -> dict[str, Any]:
    return {**row._asdict(), "predictions": _predictions(row.predictions)}


def _layer(layer: "LayerTrace", place: int) -> dict[str, Any]:
    """Return gates and states of a layer at a word; only an LSTM has a cell state."""
    summaries = {name: summary._asdict() for name, summary in layer.summaries(place).items()}
    gates = {name: summaries[name] for name in layer.gates}
    return {"layer": layer.name, "gates": gates, "cell": summaries.get("cell"), "hidden": summaries["hidden"]}
