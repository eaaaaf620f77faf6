"""Plot of `rnnwords eval`: reliability of the probabilities, and loss by word frequency."""

from typing import TYPE_CHECKING, Any

from rnnwords.cli.reports.eval_report import band_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RIGHT, WORDS, LOSS, IDEAL = "#8fb2de", "#b8c4d6", "#c0603a", "#c0392b"


def draw(figure: "Figure", report: dict[str, Any]) -> None:
    """Draw on the left a reliability diagram (Guo et al. 2017) over the share of words in each bin, on the right the
    loss by the frequency of a word in the training text, with the share of words."""
    halves: Any = figure.subfigures(1, 2, width_ratios=[1, 1.15])
    left, right = halves
    diagram, shares = left.subplots(2, 1, sharex=True, height_ratios=[3.4, 1])
    loss = right.subplots()
    _reliability(diagram, shares, report)
    _bands(loss, report)
    for axes, lines in ((diagram, "both"), (shares, "both"), (loss, "x")):
        axes.grid(alpha=0.3, axis=lines)
        axes.set_axisbelow(True)


def _reliability(axes: Any, shares: Any, report: dict[str, Any]) -> None:
    bins = report["calibration"]["bins"]
    width = bins[0]["to"] - bins[0]["from"]
    middles, right = [one["from"] + width / 2 for one in bins], [one["share_right"] for one in bins]
    axes.bar(middles, right, width * 0.92, color=RIGHT, label="accuracy")
    axes.plot([0, 1], [0, 1], color=IDEAL, linestyle="--", label="perfect calibration")
    axes.plot(
        [one["mean_probability"] for one in bins], right, color="black", marker="o", markersize=4, linestyle="",
        label="at the mean probability of the bin",
    )  # fmt: skip
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
    error = report["calibration"]["expected_calibration_error"]
    axes.set_title(f"Reliability: expected calibration error {error:.1%}", fontsize="medium")
    axes.legend(loc="upper left", fontsize="small")
    shares.bar(middles, [one["words"] / report["words"] for one in bins], width * 0.92, color=WORDS)
    shares.set(xlabel="probability of the most probable word", ylabel="words", ylim=(0, None))
    shares.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")


def _bands(axes: Any, report: dict[str, Any]) -> None:
    bands = report["by_frequency"]
    places = range(len(bands))
    finite = [band["loss"] or 0 for band in bands]
    axes.barh(places, finite, 0.72, color=LOSS)
    for place, (band, loss) in enumerate(zip(bands, finite, strict=True)):
        label = "no probability" if band["loss"] is None else f"{loss:.2f}"
        axes.annotate(label, (loss, place), xytext=(5, 0), textcoords="offset points", va="center")
    axes.set_yticks(places, [f"{band_name(band)}\n{band['words'] / report['words']:.1%} of words" for band in bands])
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.15 * (max(finite) or 1)), xlabel="loss, nats per word")
    axes.set_title("Loss by occurrences in the training text", fontsize="medium")
