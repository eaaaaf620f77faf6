"""Plot of `rnnwords explain`: the gates as a heat map, with a panel per layer, a column per word, a row per unit."""

from typing import TYPE_CHECKING, Any

import numpy as np

from rnnwords.cli.output.plots import new_figure
from rnnwords.cli.output.terminal import safe
from rnnwords.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnwords.network.recurrent import Floats
    from rnnwords.prediction.explanation import Explanation, LayerTrace

MAX_ROWS = 64  # of a gate
FEW_WORDS = 8  # up to which the means are written into the plot
MAX_LABEL = 14  # characters of a word on the axis


def heat_map(explanation: "Explanation") -> "Figure":
    """Draw the gates of every layer over the words; of cells without gates, the hidden state.

    Raises UsageError if no word was read, MissingDependencyError without matplotlib.
    """
    words, layers = [_short(step.word) for step in explanation.words], explanation.layers
    if not words:
        raise UsageError("expected a prompt with a known word, found none; there is nothing to plot")
    across = min(len(layers), 4 if len(words) <= FEW_WORDS else 2 if len(words) <= 3 * FEW_WORDS else 1)
    down = -(-len(layers) // across)
    size = 1.2 + max(2.2, (0.75 if len(words) <= FEW_WORDS else 0.3) * len(words))
    figure = new_figure(1.6 + size * across, 1.2 + 4.6 * down)
    panels = figure.subplots(down, across, squeeze=False)
    gated = bool(layers[0].gates)
    for place, panel in enumerate(panels.flat):
        if place < len(layers):
            image = _draw(panel, layers[place], words, labels=place % across == 0)
        else:
            panel.set_axis_off()
    scale = figure.colorbar(image, ax=panels, fraction=0.05, aspect=40)
    scale.set_label("0: closed gate    1: open gate" if gated else "hidden state", fontsize=10)
    best = f"; most probable next word: {safe(explanation.predictions[0].word)}" if explanation.predictions else ""
    read = _short(" ".join(words), 20 * (across + 1))
    figure.suptitle(f"{'gates' if gated else 'hidden states'} of \u201c{read}\u201d{best}", fontsize=12)
    means = "; numbers are means" if len(words) <= FEW_WORDS else ""
    figure.supxlabel(f"rows are units, highest at the last word on top{means}", fontsize=10)
    return figure


def _draw(panel: Any, layer: "LayerTrace", words: list[str], labels: bool) -> Any:
    """Draw a layer, with its gates one above the other."""
    gates = {name: values for name, values in layer.gates.items() if name != "candidate"}
    blocks = gates or {"hidden": layer.states["hidden"]}
    pictures = [rows_of(values) for values in blocks.values()]
    height, units = len(pictures[0]), layer.states["hidden"].shape[1]
    image = panel.imshow(
        np.concatenate(pictures), aspect="auto", interpolation="nearest",
        cmap="viridis" if gates else "coolwarm", vmin=0 if gates else -1, vmax=1,
    )  # fmt: skip
    for place, values in enumerate(blocks.values()):
        if place:
            panel.axhline(place * height - 0.5, color="white", linewidth=4)
        for column, mean in enumerate(values.mean(axis=1)) if len(words) <= FEW_WORDS else ():
            panel.text(
                column, (place + 0.5) * height - 0.5, f"{mean:z.2f}", ha="center", va="center", fontsize=9,
                bbox={"boxstyle": "round", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
            )  # fmt: skip
    rotation, side = (0, "center") if len(words) <= FEW_WORDS else (60, "right")
    panel.set_xticks(range(len(words)), words, rotation=rotation, horizontalalignment=side, fontsize=10)
    centres = [(place + 0.5) * height - 0.5 for place in range(len(blocks))]
    kind = " gate" if gates else " state"
    panel.set_yticks(centres, [name + kind for name in blocks] if labels else [""] * len(blocks), fontsize=11)
    panel.tick_params(length=0)
    panel.set_title(f"{layer.name}, {units:,} {'units' if units > 1 else 'unit'}", fontsize=11)
    return image


def rows_of(values: "Floats") -> "Floats":
    """Return (R, T) rows of (T, H) values of a gate at each word: units ordered by their last value, highest first.

    R is H, or MAX_ROWS for more units: then a row is the mean of neighbours.
    """
    ordered = values[:, np.argsort(-values[-1], kind="stable")].T  # (H, T)
    parts = np.array_split(ordered, min(MAX_ROWS, len(ordered)))
    return np.stack([part.mean(axis=0) for part in parts])


def _short(text: str, limit: int = MAX_LABEL) -> str:
    """Return `text` cut to `limit` characters."""
    text = safe(text)
    return text if len(text) <= limit else text[: limit - 1] + "\u2026"
