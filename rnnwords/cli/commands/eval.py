"""`rnnwords eval`: metrics of a model on a text, with the settings that they depend on."""

from pathlib import Path
from typing import Any

import click

from rnnwords.cli import options as shared
from rnnwords.cli.help import command
from rnnwords.cli.models import find_model, interpolation_config
from rnnwords.cli.options import PATH, cores, option
from rnnwords.cli.output.bars import byte_progress
from rnnwords.cli.output.json_output import print_json
from rnnwords.cli.output.notes import note, notes, seed_or_random
from rnnwords.cli.output.plots import check_plot, new_figure, save_figure
from rnnwords.cli.output.terminal import safe
from rnnwords.cli.types import Whole
from rnnwords.errors import UsageError

SETTINGS = ("max_context", "baseline", "baseline_order", "train_text")  # as the library names them
MANY_UNKNOWN = 0.3  # share of unknown words above which the text probably does not fit the model


@command("eval")
@shared.options(
    shared.corpus_argument,
    shared.model_option,
    option("--by-frequency", bool, "Loss and top-1 by the frequency of a word in the training text."),
    option("--baseline", bool, "Compare with unigram, bigram and Kneser-Ney n-gram models of the training text, which "
           "--train-text names; without it, with the n-gram of the model file."),
    option("--baseline-order", Whole(2, 9), "Order of the longest n-gram of --baseline.  "
           "[default: window of the network + 1; 5 without a window]"),
    shared.train_text_option,
    option("--calibration", bool, "Reliability: accuracy by predicted probability, in ten bins."),
    option("--compare", PATH, "Compare with another model word by word, with confidence intervals of the differences.",
           metavar="MODEL"),
    shared.seed_option,
    option("--max-context", Whole(1, 1_000_000), "Limit the context to N words, fewer than the window of the network."),
    shared.interpolation_options,
    shared.adapt_option,
    shared.reading_options,
    option("--plot", PATH, "Plot reliability and loss by frequency: .png, .svg or .pdf.", metavar="FILE"),
    shared.output_options,
)  # fmt: skip
def eval_command(
    corpus: tuple[Path, ...], model: Path | None, by_frequency: bool, calibration: bool, compare: Path | None,
    seed: int | None, plot: Path | None, as_json: bool, quiet: bool, **options: Any,
) -> None:  # fmt: skip
    """Evaluate a model on a text: perplexity, accuracy, keystroke savings, and comparison with another model.

    TEXT is one or more files or directories, or - for stdin. What predictions use by default is evaluated: the network,
    and all that was fitted to interpolate with it. --interpolate off evaluates the network alone. The model of
    --compare is evaluated as it predicts by default; with --max-context, both are the networks alone.

    \b
    Examples:
      rnnwords eval other-story.txt --json
      rnnwords eval other-story.txt --baseline --train-text story.txt
      rnnwords eval other-story.txt --model models/large --compare models/small
      rnnwords eval other-story.txt --calibration --plot reliability.png
      rnnwords eval other-story.txt --max-context 1
    """
    if options["train_text"] and not options["baseline"]:
        raise UsageError("`train_text`: expected `baseline`, found none; add it")
    if options["baseline_order"] and not options["train_text"]:
        raise UsageError("`baseline_order`: expected `baseline` and `train_text`, found no `train_text`; add both")
    if seed is not None and not compare:
        raise UsageError("`seed`: expected `compare`, whose intervals depend on it, found none; leave `seed` out")
    figure = None
    if plot:
        check_plot(plot)
        figure = new_figure(11, 5)  # before the evaluation, so that a missing package is reported at once
    from rnnwords.cli.reports.eval_report import lines_of
    from rnnwords.evaluation.report import evaluate
    from rnnwords.lm.describe import summary

    path = find_model(model, quiet)
    if compare:
        compare = find_model(compare, quiet)
    chosen_seed = seed_or_random(seed, quiet=True)  # the note follows the evaluation
    with byte_progress(quiet) as progress:
        report = evaluate(
            path, corpus, interpolation=interpolation_config(options), by_frequency=by_frequency or bool(plot),
            calibration=calibration or bool(plot), compare=compare, seed=chosen_seed, threads=cores(),
            progress=progress, read=shared.read_config(options), **{name: options[name] for name in SETTINGS},
        )  # fmt: skip
    notes(report.get("notes", ()), quiet)
    if "interpolation" in report:
        note(f"interpolated: {summary(report['interpolation'])}", quiet)
    if compare and seed is None:
        note(f"seed {chosen_seed}", quiet)
    if report["oov_rate"] > MANY_UNKNOWN:
        settings = report["eval_settings"]
        note(f"Warning: {report['oov_rate']:.0%} of the words are outside the vocabulary; the text may not fit the "
             f"model, which has tokenizer {settings['tokenizer']}, case {settings['case']}", quiet)  # fmt: skip
    if plot and figure:
        from rnnwords.cli.reports.eval_plot import draw

        draw(figure, report)
        save_figure(figure, plot)
    if not by_frequency:  # computed for the plot alone
        report.pop("by_frequency", None)
    if not calibration:
        report.pop("calibration", None)
    if as_json:
        print_json(report)
        return
    for line in lines_of(report):
        click.echo(safe(line))
