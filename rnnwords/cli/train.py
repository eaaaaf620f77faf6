"""`rnnwords train`: a text in, a run directory out."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from rnnwords.cli.options import (
    LATEST,
    MODELS,
    F,
    Number,
    byte_progress,
    corpus_argument,
    json_option,
    note,
    print_json,
    quiet_option,
    seed_option,
    text_config,
    text_options,
)
from rnnwords.cli.train_beside import put_beside
from rnnwords.cli.train_run import carry_out, interrupted, new_seed, warn
from rnnwords.cli.train_team import SIGNAL_STATUS, work
from rnnwords.cli.types import Duration, StepsOrTime
from rnnwords.config import CELLS, INPUTS, OPTIMIZERS, PRECISIONS, SCHEDULES, SOFTMAXES
from rnnwords.errors import CorpusError, UsageError
from rnnwords.training.distributed.cluster import STRATEGIES, role_of
from rnnwords.training.recipes import RECIPES, with_recipe

if TYPE_CHECKING:
    from rnnwords.training.events import Finished
    from rnnwords.training.plan import Asked, Plan

NETWORK = ("window", "stateful", "layers", "units", "cell", "input", "embedding", "tie", "softmax")
TRAINING = (
    "dropout", "dropout_start", "variational", "weight_dropout", "optimizer", "learning_rate", "learning_rate_end",
    "schedule", "warmup", "weight_decay", "label_smoothing", "ema", "clip_norm", "batch_size", "epochs", "histograms",
    "iterations", "patience", "precision", "log_every",
)  # fmt: skip
RECIPE_ONLY = ("short_windows", "order", "output_start", "to_ceiling", "sample")


def _option(name: str, kind: Any, text: str, **settings: Any) -> Callable[[F], F]:
    return click.option(name, type=kind, help=text, **settings)


@click.command()
@corpus_argument
@_option("--model", click.Path(path_type=Path), "Directory of the run.  [default: models/NAME OF THE TEXT]")
@_option("--vocab", click.Path(path_type=Path), "Use this vocabulary file, text settings and all.")
@_option("--valid", click.Path(path_type=Path, allow_dash=True), "Held-out text.")
@_option("--holdout", Number(0, 0.9), "Share held out at the end.  [default: 0.1 from 10,000 words up]")
@_option(
    "--window", click.IntRange(1, 1000), "Words that a prediction sees.  [default: 3; 35 words a step if stateful]"
)
@_option("--stateful", bool, "Read the text as a whole, state carried on, instead of by windows.", is_flag=True)
@_option("--layers", click.IntRange(1, 16), "Recurrent layers.", default=2, show_default=True)
@_option("--units", click.IntRange(1, 8192), "Units a layer.", default=512, show_default=True)
@_option("--cell", click.Choice(CELLS), "Kind of recurrent unit.", default="lstm", show_default=True)
@_option("--input", click.Choice(INPUTS), "How a word enters.", default="embedding", show_default=True)
@_option("--embedding", click.IntRange(1, 8192), "Width of the word embedding.")
@_option("--tie/--no-tie", bool, "Use the embedding's weights in the output layer.", default=None)
@_option("--softmax", click.Choice(("auto", *SOFTMAXES)), "adaptive: cheap for large vocabularies.", default="auto")
@_option("--ngram", click.IntRange(1, 9), "Count an n-gram of this order too, for --blend.", metavar="N")
@_option("--cache", click.IntRange(1, 10_000), "Tune weights for --cache N on the held-out text too.", metavar="N")
@_option("--calibrate", bool, "Let the held-out text say how sure the network may be.", is_flag=True)
@_option("--dropout", Number(0, 0.95), "On embeddings, between layers, before the output.")
@_option("--dropout-start", Number(0, 0.95), "Dropout at first; it then moves to --dropout over the whole budget.")
@_option("--variational/--no-variational", bool, "Drop the same units for all words of a step.", default=None)
@_option("--weight-dropout", Number(0, 0.95), "On the recurrent weights: for text that is read many times.")
@_option("--optimizer", click.Choice(OPTIMIZERS), "Kind of optimizer.")
@_option("--learning-rate", Number(1e-8, 100), "The highest learning rate.")
@_option("--learning-rate-end", Number(0, 100), "Where a cosine ends.  [default: 1 % of the highest]")
@_option("--schedule", click.Choice(SCHEDULES), "How the learning rate moves.")
@_option("--warmup", Number(0, 0.9), "Share of the budget over which the rate first rises.")
@_option("--weight-decay", Number(0, 1), "For AdamW.")
@_option("--label-smoothing", Number(0, 0.5), "Share of probability spread over all words.")
@_option("--ema", Number(0, 0.99999), "Average the weights with this decay.")
@_option("--clip-norm", Number(1e-6, 1e6), "Gradients of a larger norm are scaled down to it.")
@_option("--batch-size", click.IntRange(1, 65536), "Windows a step.")
@_option("--epochs", click.IntRange(1, 1_000_000), "Budget: passes over the text.")
@_option("--iterations", click.IntRange(1, 10**12), "Budget: steps.")
@_option("--time", Duration(), "Budget: time, for example 10m.")
@_option("--patience", click.IntRange(1, 1_000_000), "Evaluations without a better one before it stops.")
@_option("--precision", click.Choice(PRECISIONS), "Of the matrix products.", default="auto", show_default=True)
@_option("--histograms", bool, "Log histograms of weights and gradients for TensorBoard.", is_flag=True)
@_option("--log-every", click.IntRange(1), "Steps between two reports.", metavar="N")
@_option("--checkpoint-every", StepsOrTime(), "Steps or time between two checkpoints.  [default: 5m]")
@_option(
    "--distribute", click.Choice(STRATEGIES),
    "mirrored: on all GPUs of this machine; multiworker: on the machines of TF_CONFIG.",
)  # fmt: skip
@_option(
    "--recipe", click.Choice(tuple(RECIPES)),
    "tutorial: the classic story predictor, step by step. chapter: a network that writes new chapters of a book. "
    "Options given beside it win.",
)  # fmt: skip
@click.option("--restart", is_flag=True, help="Forget an earlier run in the directory.")
@text_options
@seed_option
@json_option
@quiet_option
def train(
    corpus: tuple[Path, ...], model: Path | None, restart: bool, as_json: bool, quiet: bool, **options: Any
) -> int:
    """Learn from a text. The same command again resumes an interrupted run.

    \b
    Examples:
      rnnwords train story.txt
      rnnwords train novel.txt --window 5 --time 10m
      rnnwords train story.txt --recipe tutorial
    """
    from rnnwords.cli.reports.train_display import Display, describe
    from rnnwords.training.checkpoint import RunDirectory
    from rnnwords.training.plan import make_plan

    if options["recipe"]:
        options = with_recipe(options["recipe"], _given(), options)
    role = role_of(options["distribute"], os.environ)
    if role and not role.chief:
        return work(role, quiet or as_json)
    directory = RunDirectory(model or MODELS / _run_name(corpus[0]))
    with directory.locked():
        with byte_progress(quiet) as progress:
            plan = make_plan(
                directory, _asked(corpus, options), lambda: new_seed(options["seed"]), warn, progress, restart=restart
            )
        display, described = Display(quiet or as_json), describe(plan)
        finished = carry_out(plan, display, described, role=role, restart=restart, quiet=quiet)
        if finished.reason not in SIGNAL_STATUS:
            put_beside(plan, quiet or as_json)
    return _conclude(finished, plan, as_json, quiet)


def _run_name(text: Path) -> str:
    """models/NAME: the name of the text without its endings."""
    if str(text) == "-":
        raise UsageError("a text from standard input has no name; say where the run goes with --model DIRECTORY")
    if text.is_dir():
        raise CorpusError(f"{text} is a directory; name the text files in it, for example {text / '*.txt'}")
    name = text.name.removesuffix(".gz").removesuffix(".txt") or text.name
    if name == LATEST.name:
        raise UsageError(
            f"{LATEST} is the note of the model trained last; say where the run goes with --model DIRECTORY"
        )
    return name


def _given() -> set[str]:
    """The options that stand in the command."""
    context = click.get_current_context()
    return {name for name in context.params if context.get_parameter_source(name) is not ParameterSource.DEFAULT}


def _asked(corpus: tuple[Path, ...], options: dict[str, Any]) -> "Asked":
    """The options as the library wants them."""
    from rnnwords.training.plan import Asked

    if options["schedule"] == "one-cycle" and options["warmup"] is not None:
        raise UsageError("the one-cycle schedule rises over its first third; leave --warmup out")
    every = options["checkpoint_every"]
    training = {name: options[name] for name in TRAINING} | {"seconds": options["time"]}
    training |= {name: options[name] for name in RECIPE_ONLY if name in options}
    if isinstance(every, int):
        training["checkpoint_every"] = every
    elif every is not None:
        training["checkpoint_seconds"] = every
    return Asked(
        corpus, text_config(options), {name: options[name] for name in NETWORK}, training,
        options["vocab"], options["valid"], options["holdout"], options["max_size"], options["min_count"],
        options["encoding_errors"], options["seed"], options["ngram"], options["cache"],
        options["calibrate"],
    )  # fmt: skip


def _conclude(finished: "Finished", plan: "Plan", as_json: bool, quiet: bool) -> int:
    """The report, and what to type next."""
    from rnnwords.cli.reports.train_display import conclusion

    path = plan.directory.path
    if as_json:
        print_json({"model": str(plan.directory.model), "reason": finished.reason, "step": finished.step,
                    "seconds": round(finished.seconds, 1), **finished.metrics})  # fmt: skip
    if status := interrupted(finished):
        return status
    for line in conclusion(finished, plan, None if path.parent == MODELS else path):
        note(line, quiet)
    return 0
