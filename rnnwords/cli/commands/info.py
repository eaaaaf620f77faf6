"""`rnnwords info`: the contents of a model file, and the history of its training."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rnnwords.cli.help import command
from rnnwords.cli.models import MODELS, find_model, latest_run
from rnnwords.cli.options import PATH, model_option, option, options, output_options, plain_option
from rnnwords.cli.output.json_output import print_json
from rnnwords.cli.output.notes import note
from rnnwords.cli.output.plots import check_plot, save_figure
from rnnwords.cli.output.terminal import can_write, coloured, columns, plain_terminal, terminal_size

if TYPE_CHECKING:
    from rnnwords.model_file import Model
    from rnnwords.training.events import Report

_CHART = "\u28ff\u2524\u2502\u251c\u2514\u2500"


@command()
@options(
    model_option,
    option("--history", bool, "Show the curves of the training instead: loss, perplexity and accuracy by step."),
    option("--plot", PATH, "Draw the curves of the training: .png, .svg or .pdf.", metavar="FILE"),
    plain_option,
    output_options,
)
def info(model: Path | None, history: bool, plot: Path | None, plain: bool, as_json: bool, quiet: bool) -> None:
    """Show layers, vocabulary, settings and training record of a model, and verify its checksum.

    With --history, show the curves of the training, from the reports in the run directory: as charts on a terminal, as
    a table elsewhere and with --plain.

    \b
    Examples:
      rnnwords info --model models/story
      rnnwords info --history --plot story.png
    """
    if plot is not None:
        check_plot(plot)
    if history or plot is not None:
        _show_history(model, plot, plain, as_json, quiet)
        return
    from rnnwords.model_file import Model

    path = find_model(model, quiet)
    loaded = Model.load(path)  # verifies the checksum
    weights = loaded.network.weight_count
    report: dict[str, Any] = {
        "model": str(path), "bytes": path.stat().st_size, "digest": "ok", "network": loaded.network.to_json(),
        "text": loaded.vocabulary.text.to_json(), "vocabulary": loaded.vocabulary.report(),
        "weights": weights, "layers": loaded.network.layer_table(), "training": loaded.training,
        "series": loaded.series.to_json() if loaded.series else None,
        "interpolation": loaded.interpolation.to_json() if loaded.interpolation else None,
        "ngram": _ngram(loaded), "spelling": _spelling(loaded),
        "adaptation": loaded.adaptation_config.to_json() if loaded.adaptation_config else None, "used": _used(loaded),
    }  # fmt: skip
    if as_json:
        print_json(report)
        return
    from rnnwords.cli.reports.info_report import lines_of

    for line in lines_of(report, loaded, columns(sys.stdout)):
        click.echo(line)


def _ngram(model: "Model") -> dict[str, int] | None:
    """Return order, number and bytes of the n-grams of a model, read and verified; None if it has none."""
    if model.ngram is None:
        return None
    from rnnwords.lm.parts import ngram_model

    kneser_ney = ngram_model(model).kneser_ney
    return {"order": kneser_ney.order, "ngrams": kneser_ney.size, "bytes": model.ngram.size}


def _spelling(model: "Model") -> dict[str, int] | None:
    """Return letters, number of n-grams and bytes of the spelling model, read and verified; None if there is none."""
    from rnnwords.lm.spelling import spelling_model

    if model.spelling is None or (spelling := spelling_model(model)) is None:
        return None
    return {"letters": len(spelling.alphabet), "ngrams": spelling.letters.size, "bytes": model.spelling.size}


def _used(model: "Model") -> dict[str, Any]:
    """Return what predictions interpolate with the network by default, as `lm.describe.describe` does."""
    from rnnwords.lm.loading import interpolated, is_network_alone, network_model

    if model.series or is_network_alone(model):
        return {}
    from rnnwords.lm.describe import describe

    return describe(interpolated(network_model(model), model))


def _show_history(model: Path | None, plot: Path | None, plain: bool, as_json: bool, quiet: bool) -> None:
    from rnnwords.training.runs.history import history_path, read_history

    path = history_path(model or MODELS / latest_run())
    reports = read_history(path)
    if model is None:
        note(f"run {path.parent}", quiet)
    if plot is not None:
        from rnnwords.cli.reports.history_plot import draw

        save_figure(draw(reports), plot)
        note(f"plot {plot}", quiet)
    if as_json:
        from rnnwords.cli.reports.history_report import values_of

        print_json({"directory": str(path.parent), "history": values_of(reports)})
        return
    for line in _history_lines(reports, plain):
        click.echo(line)


def _history_lines(reports: "Sequence[Report]", plain: bool) -> Iterator[str]:
    """Return charts for a terminal that can draw, else a table."""
    from rnnwords.cli.output.charts import ChartStyle
    from rnnwords.cli.reports.history_report import lines_of, table_of

    if plain or plain_terminal(sys.stdout):
        return table_of(reports, columns(sys.stdout))
    size = terminal_size(sys.stdout)
    style = ChartStyle(can_write(_CHART, sys.stdout), coloured)
    return lines_of(reports, size.columns, size.lines, style)
