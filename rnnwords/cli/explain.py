"""`rnnwords explain`: what the network does with the words of a prompt."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rnnwords.cli.options import (
    clean,
    json_line,
    json_option,
    load_predictor,
    model_option,
    note,
    nul_option,
    oov_option,
    oov_policy,
    plain_terminal,
    quiet_option,
)
from rnnwords.errors import UsageError

if TYPE_CHECKING:
    from rnnwords.prediction.explanation import Explanation
    from rnnwords.prediction.predictor import Predictor


@click.command()
@click.argument("prompt", required=False)
@model_option
@click.option("-k", type=click.IntRange(1, 1_000_000), default=5, show_default=True, help="How many next words.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also draw the gates of every layer over the words, as a heat map: .png, .svg or .pdf.",
)
@oov_option
@nul_option
@json_option
@quiet_option
def explain(
    prompt: str | None, model: Path | None, k: int, plot: Path | None, oov: str | None, nul: bool, as_json: bool,
    quiet: bool,
) -> None:  # fmt: skip
    """Show what the network does with the words of a prompt. Without one: a prompt a line on stdin.

    The likeliest next words after each word; mean and spread (standard deviation over the units) of the gates and
    states of each layer: 0 is a closed gate, 1 an open one; and what would be predicted with one word left out. How
    far all probabilities move then is their Kullback-Leibler divergence, in nats: 0 means not at all.

    Words are read as by `rnnwords predict`. Of a long prompt the last 64 words that the model reads are shown.

    \b
    Examples:
      rnnwords explain "had a general"
      rnnwords explain "had a general" --plot gates.png
      cat prompts.txt | rnnwords explain --json
    """
    if plot is not None:
        if prompt is None:
            raise UsageError("--plot draws one prompt; give it as the argument")
        from rnnwords.cli.output.plots import check_plot

        check_plot(plot)
    predictor = load_predictor(model, quiet)
    oov = oov_policy(oov, predictor, prompt is None)
    if prompt is not None:
        explanation = predictor.explain(clean(prompt), k, oov=oov)
        if plot is not None:
            from rnnwords.cli.output.plots import save_figure
            from rnnwords.cli.reports.explain_plot import heat_map

            save_figure(heat_map(explanation), plot)
            note(f"drawn: {plot}", quiet)
        if not as_json:
            _tell(explanation, predictor, quiet)
        _show(explanation, as_json)
        return

    from rnnwords.cli.stdin import waiting_lines

    for place, text in enumerate(line for batch in waiting_lines(b"\0" if nul else b"\n") for line in batch):
        if place and not as_json:
            click.echo()
        _show(predictor.explain(text, k, oov=oov), as_json)


def _tell(explanation: "Explanation", predictor: "Predictor", quiet: bool) -> None:
    """Notes on what was not read, or not as it was typed."""
    for word in dict.fromkeys(explanation.unknown):
        note(predictor.vocabulary.unknown_message(word), quiet)
    if explanation.truncated:
        note(f"only the last {predictor.reach:,} words of the prompt are read", quiet)
    if explanation.before:
        note(f"the {explanation.before:,} words before those shown are read, too", quiet)


def _show(explanation: "Explanation", as_json: bool) -> None:
    from rnnwords.cli.reports import explain_tables as tables

    if as_json:
        click.echo(json_line(tables.report(explanation)))
        return
    for line in tables.lines_of(explanation, tables.Paper.of(sys.stdout, plain_terminal(sys.stdout))):
        click.echo(line)
