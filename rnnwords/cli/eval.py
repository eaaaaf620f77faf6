"""`rnnwords eval`: how good a model is on a text, and on which terms."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rnnwords.cli.common import (
    byte_progress,
    cores,
    corpus_argument,
    drawn_seed,
    find_model,
    json_option,
    model_option,
    print_json,
    quiet_option,
    seed_option,
    train_text_option,
)
from rnnwords.cli.mixing import mixed, mixing_options
from rnnwords.cli.plots import check_plot
from rnnwords.cli.terminal import safe
from rnnwords.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@click.command("eval")
@corpus_argument
@model_option
@click.option("--by-frequency", is_flag=True, help="Loss and hits by how often a word stands in the training text.")
@click.option(
    "--baseline",
    is_flag=True,
    help="The same figures for the commonest word, a bigram and a Kneser-Ney n-gram that sees as many words, "
    "trained on what the model was trained on: name it with --train-text.",
)
@train_text_option
@click.option("--calibration", is_flag=True, help="Whether it is right as often as its probabilities say.")
@click.option(
    "--vs",
    type=click.Path(path_type=Path),
    metavar="OTHER_MODEL",
    help="Compare with another model word by word, with intervals that say whether the difference could be chance.",
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw calibration, and loss by frequency, as PNG, SVG or PDF by the ending of the name.",
)
@click.option(
    "--context",
    type=click.IntRange(min=1),
    metavar="N",
    help="Let it see N words before each, fewer than its window: how it does after short prompts.",
)
@click.option(
    "--encoding-errors",
    type=click.Choice(["strict", "replace"]),
    default="strict",
    help="What to do with bytes that are not UTF-8.  [default: strict]",
)
@mixing_options
@seed_option
@json_option
@quiet_option
def eval_command(
    corpus: tuple[Path, ...], model: Path | None, by_frequency: bool, baseline: bool, train_text: tuple[Path, ...],
    calibration: bool, vs: Path | None, plot: Path | None, context: int | None, encoding_errors: str, seed: int | None,
    as_json: bool, quiet: bool, **mixing: Any,
) -> None:  # fmt: skip
    """Measure a model on a text: perplexity, hits, keystrokes saved, and whether another is better.

    With --blend or --cache it is the mixture that is measured; a model named with --vs stays as it is.

    \b
    Examples:
      rnnwords eval other-story.txt --json
      rnnwords eval other-story.txt --baseline --train-text story.txt
      rnnwords eval other-story.txt --model models/large --vs models/small
      rnnwords eval other-story.txt --calibration --plot judged.png
      rnnwords eval other-story.txt --context 1
    """
    if baseline and not train_text:
        raise UsageError(
            "--baseline needs the text that the model was trained on, which its file does not hold; "
            "name it with --train-text FILE"
        )
    if train_text and not baseline:
        raise UsageError("--train-text is for --baseline; add that")
    if plot:
        check_plot(plot)
    from rnnwords.cli.eval_report import lines_of
    from rnnwords.prediction.baselines import baselines
    from rnnwords.prediction.calibration import Calibration
    from rnnwords.prediction.comparison import Comparison
    from rnnwords.prediction.evaluation import Observer, evaluate
    from rnnwords.prediction.latency import latencies, latency_report
    from rnnwords.prediction.mixed import tuned_on
    from rnnwords.prediction.predictor import Predictor
    from rnnwords.prediction.protocol import protocol, with_context
    from rnnwords.prediction.texts import ids_of, trained_part
    from rnnwords.text.reading import Corpus

    path = find_model(model, quiet)
    predictor = mixed(Predictor.load(path), mixing, quiet)
    predictor = with_context(predictor, context) if context else predictor
    source = Corpus(corpus, encoding_errors)
    calibrated = Calibration() if calibration or plot else None
    compared = Comparison(predictor, Predictor.load(find_model(vs, quiet)), cores()) if vs else None
    seed = drawn_seed(seed, quiet) if vs else seed
    figure = _empty_figure(plot)
    observers: list[Observer] = [observer for observer in (calibrated, compared) if observer]
    with byte_progress(quiet) as progress:
        metrics = evaluate(
            predictor, source, progress("evaluating", source.length), threads=cores(), observers=observers
        )
        report = {
            **metrics.report(), **latency_report(latencies(predictor, source)), "model": str(path),
            "text": source.names if len(source.names) > 1 else source.names[0], "protocol": protocol(predictor),
        }  # fmt: skip
        if predictor.terms:
            report["mixture"] = {**predictor.terms, "tuned_on_this_text": tuned_on(predictor, source.paths)}
        if calibrated and calibration:
            report["calibration"] = calibrated.report()
        if by_frequency:
            report["by_frequency"] = metrics.by_frequency()
        if baseline:
            trained = trained_part(ids_of(Corpus(train_text, encoding_errors), predictor.vocabulary), predictor.model)
            report["baselines"] = [
                {"name": name, **evaluate(predictor, source, progress(name, source.length), by=scorer).report()}
                for name, scorer in baselines(predictor, trained, cores())
            ]
    if compared:
        report["vs"] = {"model": str(find_model(vs, quiet)), **compared.report(seed or 0)}
    if plot and figure and calibrated:
        from rnnwords.cli.eval_plot import draw
        from rnnwords.cli.plots import save_figure

        draw(figure, calibrated.report(), metrics.by_frequency(), report)
        save_figure(figure, plot)
    if as_json:
        print_json(report)
        return
    for line in lines_of(report):
        click.echo(safe(line))


def _empty_figure(plot: Path | None) -> "Figure | None":
    """What to draw on, made before the work, so that a missing package is told at once."""
    from rnnwords.cli.plots import new_figure

    return new_figure(11, 5) if plot else None
