"""An explanation as text: aligned tables, with bars on a terminal; and as a JSON object."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from rnnwords.cli.output.terminal import can_write, cell_count, columns, safe

if TYPE_CHECKING:
    from rnnwords.prediction.explanation import Explanation, Layer
    from rnnwords.prediction.ranking import Prediction

BAR, LEAST = 8, 3  # columns of the longest bar, and of the shortest worth drawing


class Paper(NamedTuple):
    """What is written on."""

    width: int | None  # columns; None without a limit
    full: str  # what bars are made of; empty for none
    apart: str  # between mean and spread

    @classmethod
    def of(cls, output: TextIO, plain: bool) -> "Paper":
        """A terminal has a width and, unless it should be `plain`, bars."""
        full = "\u2587" if can_write("\u2587", output) else "#"
        return cls(columns(output), "" if plain else full, "\u00b1" if can_write("\u00b1", output) else "+-")

    def bar(self, share: float, cells: int = BAR) -> str:
        """A share of 1."""
        return self.full * round(share * cells)


def lines_of(explanation: "Explanation", paper: Paper) -> Iterator[str]:
    """All that there is to say, part by part."""
    read = safe(" ".join(step.word for step in explanation.steps)) or "no word is read"
    best = explanation.predictions[0] if explanation.predictions else None
    yield f"{read} -> {_likely(best)}"
    yield ""
    yield from _after(explanation, paper)
    if not explanation.steps:
        return
    for layer in explanation.layers:
        units = layer.states["hidden"].shape[1]
        terms = "; 0 is a closed gate, 1 an open one" if layer.gates else ""
        yield ""
        yield f"{layer.name}: mean {paper.apart}spread of {units:,} {'units' if units > 1 else 'unit'}{terms}"
        yield from _levels(explanation, layer, paper)
    yield ""
    yield "with one word left out; the divergence is in nats"
    yield from _without(explanation, paper)


def _after(explanation: "Explanation", paper: Paper) -> Iterator[str]:
    """The likeliest next words after each word; before any, by frequency."""
    found = [(step.word, step.predictions) for step in explanation.steps] or [("", explanation.predictions)]
    count = max(len(predictions) for _, predictions in found)
    rows = [["after", "next", *([""] if paper.full else []), *[str(place + 1) for place in range(1, count)]]]
    for word, predictions in found:
        shown = [_likely(prediction) for prediction in predictions]
        if paper.full:
            shown.insert(1, paper.bar(predictions[0].probability if predictions else 0))
        rows.append([safe(word), *shown])
    yield from table(rows, paper.width)


def _levels(explanation: "Explanation", layer: "Layer", paper: Paper) -> Iterator[str]:
    """A line for each word, with the gates and the state of a layer: that of the cell or, without one, the hidden one.

    Candidates, and hidden states beside cells, are left to JSON.
    """
    steps = [layer.summaries(place) for place in range(len(explanation.steps))]
    gates, state = [name for name in layer.gates if name != "candidate"], list(layer.states)[-1]
    rows = [["word", *gates, f" {state}"]]
    for step, summaries in zip(explanation.steps, steps, strict=True):
        shown = [f"{summaries[name].mean:.2f} {paper.apart}{summaries[name].spread:.2f}" for name in gates]
        signed = f"{summaries[state].mean: z.2f} {paper.apart}{summaries[state].spread:.2f}"
        rows.append([safe(step.word), *shown, signed])
    size = BAR if paper.full and gates else 0
    if size and paper.width is not None:  # bars are as long as the width allows
        used = sum(max(map(cell_count, column)) + 2 for column in zip(*rows, strict=True))
        size = min(BAR, (paper.width - used) // len(gates) - 1)
    if size >= LEAST:
        for row, summaries in zip(rows[1:], steps, strict=True):
            for place, name in enumerate(gates, start=1):
                row[place] += f" {paper.bar(summaries[name].mean, size):<{size}}"
    yield from table(rows, paper.width)


def _without(explanation: "Explanation", paper: Paper) -> Iterator[str]:
    """What becomes of the prediction without one of the words."""
    best = safe(explanation.predictions[0].word) if explanation.predictions else ""
    bars = [""] if paper.full else []
    rows = [["without", best, *bars, "then next", "divergence"]]
    rows.append(["(none)", _share(explanation.predictions), *_bars(explanation.predictions, paper), "", ""])
    for omission in explanation.omissions:
        rows.append([
            safe(omission.word), f"{omission.probability:7.2%}",
            *([paper.bar(omission.probability)] if paper.full else []),
            _likely(omission.predictions[0] if omission.predictions else None), f"{omission.divergence:10.4f}",
        ])  # fmt: skip
    yield from table(rows, paper.width)


def table(rows: Sequence[Sequence[str]], width: int | None) -> Iterator[str]:
    """Rows, the head first, in aligned columns. What is wider than `width` goes on below, beside the first column."""
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


def _likely(prediction: "Prediction | None") -> str:
    return "nothing" if prediction is None else f"{safe(prediction.word)} {prediction.probability:.2%}"


def _share(predictions: "Sequence[Prediction]") -> str:
    return f"{predictions[0].probability:7.2%}" if predictions else ""


def _bars(predictions: "Sequence[Prediction]", paper: Paper) -> list[str]:
    return [paper.bar(predictions[0].probability if predictions else 0)] if paper.full else []


def report(explanation: "Explanation") -> dict[str, Any]:
    """The same as plain JSON. Its keys are those of `predict`, and more."""
    return {
        "prompt": explanation.prompt,
        "predictions": _predictions(explanation.predictions),
        "oov": explanation.unknown,
        "entropy": explanation.entropy,
        "truncated": explanation.truncated,
        "words_before": explanation.before,
        "words": [
            {
                "word": step.word, "rank": step.rank, "predictions": _predictions(step.predictions),
                "layers": [_layer(layer, place) for layer in explanation.layers],
            }
            for place, step in enumerate(explanation.steps)
        ],
        "without": [
            {
                "word": omission.word, "probability": omission.probability,
                "predictions": _predictions(omission.predictions), "divergence": omission.divergence,
            }
            for omission in explanation.omissions
        ],
    }  # fmt: skip


def _predictions(predictions: "Sequence[Prediction]") -> list[dict[str, Any]]:
    return [{"word": word, "probability": share} for word, share in predictions]


def _layer(layer: "Layer", place: int) -> dict[str, Any]:
    """What a layer did at a word; only an LSTM has a cell state."""
    found = {name: summary._asdict() for name, summary in layer.summaries(place).items()}
    gates = {name: found[name] for name in layer.gates}
    return {"layer": layer.name, "gates": gates, "cell": found.get("cell"), "hidden": found["hidden"]}
