"""`rnnwords eval`: how good a model is on a text, and on which terms."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rnnwords.cli.interpolation_options import mixed, mixing_options
from rnnwords.cli.options import (
    byte_progress,
    cores,
    corpus_argument,
    drawn_seed,
    find_model,
    json_option,
    model_option,
    note,
    print_json,
    quiet_option,
    seed_option,
    train_text_option,
)
from rnnwords.cli.output.plots import check_plot
from rnnwords.cli.output.terminal import safe
from rnnwords.errors import UsageError

UNSEEN = 0.3  # share of unseen words from which a text is probably another one than was meant

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
    "trained on what the model was trained on: name it with --train-text. Without it, the n-gram of train --ngram.",
)
@click.option(
    "--baseline-order",
    type=click.IntRange(2, 9),
    metavar="N",
    help="Words of the longest n-gram of --baseline, the predicted one among them.  [default: as many as the network "
    "sees, and one; 5 for a network without a window]",
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
    corpus: tuple[Path, ...], model: Path | None, by_frequency: bool, baseline: bool, baseline_order: int | None,
    train_text: tuple[Path, ...], calibration: bool, vs: Path | None, plot: Path | None, context: int | None,
    encoding_errors: str, seed: int | None, as_json: bool, quiet: bool, **mixing: Any,
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
    if train_text and not baseline:
        raise UsageError("--train-text is for --baseline; add that")
    if baseline_order and not train_text:
        raise UsageError("--baseline-order is for n-grams of a training text; add --baseline --train-text FILE")
    if seed is not None and not vs:
        raise UsageError("--seed is for the intervals of --vs, and nothing else here is drawn; leave it out")
    if plot:
        check_plot(plot)
    from rnnwords.cli.reports.eval_report import lines_of
    from rnnwords.evaluation.baselines import baselines
    from rnnwords.evaluation.comparison import Comparison
    from rnnwords.evaluation.eval_settings import protocol, with_context
    from rnnwords.evaluation.latency import latencies, latency_report
    from rnnwords.evaluation.metrics import Observer, evaluate
    from rnnwords.evaluation.reliability import Calibration
    from rnnwords.files import digest_of
    from rnnwords.lm.loading import tuned_on
    from rnnwords.prediction.predictor import Predictor
    from rnnwords.prediction.scoring import scorer
    from rnnwords.text.encoding import has_literal_unk, part_in_training
    from rnnwords.text.reading import Corpus

    path = find_model(model, quiet)
    predictor = mixed(Predictor.load(path), mixing, quiet)
    predictor = with_context(predictor, context) if context else predictor
    source = Corpus(corpus, encoding_errors)
    calibrated = Calibration() if calibration or plot else None
    literal_unk, digest = has_literal_unk(source, predictor.vocabulary), digest_of(source.paths)
    other = Predictor.load(find_model(vs, quiet)) if vs else None
    compared = Comparison(predictor, other, cores(), literal_unk=literal_unk) if other else None
    seed = drawn_seed(seed, quiet) if vs else seed
    trained = Corpus(train_text, encoding_errors) if train_text else None
    beside = baselines(predictor, trained, baseline_order, cores(), literal_unk) if baseline else ()
    figure = _empty_figure(plot)
    observers: list[Observer] = [observer for observer in (calibrated, compared) if observer]
    with byte_progress(quiet) as progress:
        judge = scorer(predictor, cores(), literal_unk)
        metrics = evaluate(predictor, source, progress("evaluating", source.length), by=judge, observers=observers)
        report = {
            **metrics.report(), **latency_report(latencies(predictor, source)), "model": str(path),
            "text": source.names if len(source.names) > 1 else source.names[0],
            "in_training": part_in_training(predictor.model, digest), "protocol": protocol(predictor, literal_unk),
        }  # fmt: skip
        if report["oov_rate"] > UNSEEN:
            note(f"Warning: {_unseen(report)}", quiet)
        if predictor.terms:
            report["mixture"] = {**predictor.terms, "tuned_on_this_text": tuned_on(predictor, digest)}
        if calibrated and calibration:
            report["calibration"] = calibrated.report()
        if by_frequency:
            report["by_frequency"] = metrics.by_frequency()
        if baseline:
            if trained:
                report["baselines_learned_alike"] = digest_of(trained.paths) == predictor.model.training.get("corpus")
            report["baselines"] = [
                {"name": name, **evaluate(predictor, source, progress(name, source.length), by=by).report()}
                for name, by in beside
            ]
    if compared:
        report["vs"] = {"model": str(find_model(vs, quiet)), **compared.report(seed or 0)}
    if plot and figure and calibrated:
        from rnnwords.cli.output.plots import save_figure
        from rnnwords.cli.reports.eval_plot import draw

        draw(figure, calibrated.report(), metrics.by_frequency(), report)
        save_figure(figure, plot)
    if as_json:
        print_json(report)
        return
    for line in lines_of(report):
        click.echo(safe(line))


def _unseen(report: dict[str, Any]) -> str:
    terms = report["protocol"]
    return (
        f"{report['oov_rate']:.0%} of the words are unseen; is it a text for this model? Its words come from the "
        f"tokenizer {terms['tokenizer']}, case {terms['case']}"
    )


def _empty_figure(plot: Path | None) -> "Figure | None":
    """What to draw on, made before the work, so that a missing package is told at once."""
    from rnnwords.cli.output.plots import new_figure

    return new_figure(11, 5) if plot else None
