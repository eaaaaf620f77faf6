"""The plot of `rnnwords eval`: whether probabilities can be believed, and which words are hard."""

from typing import TYPE_CHECKING, Any

from rnnwords.cli.reports.eval_report import band_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RIGHT, WORDS, LOSS, IDEAL = "#8fb2de", "#b8c4d6", "#c0603a", "#c0392b"


def draw(figure: "Figure", calibration: dict[str, Any], bands: list[dict[str, Any]], report: dict[str, Any]) -> None:
    """On the left a reliability diagram, as in Guo et al. 2017, over the share of words in each bin; on the right the
    loss by how often a word stands in the training text, with the share of the words."""
    halves: Any = figure.subfigures(1, 2, width_ratios=[1, 1.15])
    left, right = halves
    diagram, shares = left.subplots(2, 1, sharex=True, height_ratios=[3.4, 1])
    _reliability(diagram, calibration)
    _shares(shares, calibration["bins"], report["words"])
    _bands(right.subplots(), bands, report)


def _reliability(axes: Any, calibration: dict[str, Any]) -> None:
    bins = calibration["bins"]
    width = bins[0]["to"] - bins[0]["from"]
    middles = [one["from"] + width / 2 for one in bins]
    axes.bar(middles, [one["share_right"] for one in bins], width * 0.92, color=RIGHT, label="share right")
    axes.plot([0, 1], [0, 1], color=IDEAL, linestyle="--", label="as often right as it says")
    axes.plot(
        [one["mean_probability"] for one in bins], [one["share_right"] for one in bins], color="black", marker="o",
        markersize=4, linestyle="", label="at the bin's mean probability",
    )  # fmt: skip
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="share right")
    axes.set_title(f"Calibration: expected error {calibration['expected_calibration_error']:.1%}", fontsize="medium")
    axes.legend(loc="upper left", fontsize="small")
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)


def _shares(axes: Any, bins: list[dict[str, Any]], words: int) -> None:
    width = bins[0]["to"] - bins[0]["from"]
    axes.bar(
        [one["from"] + width / 2 for one in bins], [one["words"] / words for one in bins], width * 0.92, color=WORDS
    )
    axes.set(xlabel="probability of the likeliest word", ylabel="words", ylim=(0, None))
    axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)


def _bands(axes: Any, bands: list[dict[str, Any]], report: dict[str, Any]) -> None:
    places = range(len(bands))
    finite = [band["loss"] or 0 for band in bands]
    axes.barh(places, finite, 0.72, color=LOSS)
    for place, (band, loss) in enumerate(zip(bands, finite, strict=True)):
        told = "no probability" if band["loss"] is None else f"{loss:.2f}"
        axes.annotate(told, (loss, place), xytext=(5, 0), textcoords="offset points", va="center")
    shares = [band["words"] / report["words"] for band in bands]
    axes.set_yticks(
        places, [f"{band_name(band)}\n{share:.1%} of words" for band, share in zip(bands, shares, strict=True)]
    )
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.15 * (max(finite) or 1)), xlabel="loss, nats a word")
    axes.set_title("Loss by occurrences in the training text", fontsize="medium")
    axes.grid(alpha=0.3, axis="x")
    axes.set_axisbelow(True)
