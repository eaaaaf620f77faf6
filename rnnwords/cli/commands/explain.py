"""`rnnwords explain`: the gates, states and predictions of the network for each word of a prompt."""

import sys
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rnnwords.cli import options as shared
from rnnwords.cli.help import command
from rnnwords.cli.models import load_predictor
from rnnwords.cli.options import PATH, option
from rnnwords.cli.output.json_output import json_line
from rnnwords.cli.output.notes import note
from rnnwords.cli.output.plots import check_plot, save_figure
from rnnwords.cli.output.terminal import plain_terminal
from rnnwords.cli.stdin import waiting_lines
from rnnwords.cli.types import Whole
from rnnwords.errors import UsageError
from rnnwords.text.reading.utf8 import decode_argument

if TYPE_CHECKING:
    from rnnwords.prediction.explanation import Explanation


@command()
@shared.options(
    shared.prompt_argument,
    shared.model_option,
    option("-k", Whole(1, 1_000_000), "Number of next words.", default=5),
    option("--plot", PATH, "Draw a heat map of the gates of every layer: .png, .svg or .pdf.", metavar="FILE"),
    shared.oov_option,
    shared.null_option,
    shared.output_options,
)
def explain(
    prompt: str | None, model: Path | None, k: int, plot: Path | None, oov: str | None, nul: bool, as_json: bool,
    quiet: bool,
) -> None:  # fmt: skip
    """Show gates, states and predictions of the network for each word of a prompt.

    Without PROMPT, read one prompt per line of stdin. The tables contain:

    \b
    - the most probable next words after each word
    - mean and standard deviation of the gates and states of each layer, over its
      units; 0 is a closed gate, 1 an open one
    - the prediction with one word left out, and its Kullback-Leibler divergence,
      in nats

    Words are read as by rnnwords predict. Of a long prompt, the last 64 words that the model reads are shown.

    \b
    Examples:
      rnnwords explain "had a general"
      rnnwords explain "had a general" --plot gates.png
      cat prompts.txt | rnnwords explain --json
    """
    if plot is not None:
        if prompt is None:
            raise UsageError("`plot`: expected one `prompt`, found none; pass it as the argument")
        check_plot(plot)
    predictor = load_predictor(model, quiet, {"interpolate": "off"})
    if prompt is None:
        for number, text in enumerate(chain.from_iterable(waiting_lines(nul))):
            if number and not as_json:
                click.echo()
            _print_explanation(predictor.explain(text, k, oov=oov), as_json)
        return
    from rnnwords.lm.loading import is_network_alone
    from rnnwords.prediction.prompts import resolve_oov

    oov = oov or resolve_oov(None, predictor.vocabulary, strict=True)
    explanation = predictor.explain(decode_argument(prompt), k, oov=oov)
    if plot is not None:
        from rnnwords.cli.reports.explain_plot import heat_map

        save_figure(heat_map(explanation), plot)
        note(f"plot {plot}", quiet)
    silent = quiet or as_json
    if not is_network_alone(predictor.model):
        note("the network alone is explained, as with --interpolate off; predictions use more by default", silent)
    for word in dict.fromkeys(explanation.unknown):
        note(predictor.vocabulary.unknown_message(word), silent)
    if explanation.truncated:
        note(f"only the last {predictor.network.prompt_size:,} words of the prompt are read", silent)
    if explanation.before:
        note(f"the {explanation.before:,} words before those shown are read, too", silent)
    _print_explanation(explanation, as_json)


def _print_explanation(explanation: "Explanation", as_json: bool) -> None:
    from rnnwords.cli.reports import explain_tables as tables

    if as_json:
        click.echo(json_line(tables.report(explanation)))
        return
    for line in tables.lines_of(explanation, tables.TableStyle.of(sys.stdout, plain_terminal(sys.stdout))):
        click.echo(line)
