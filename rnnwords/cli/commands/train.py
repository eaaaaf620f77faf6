"""`rnnwords train`: from a text to a run directory with a model."""

import contextlib
import os
import stat
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
from click import Choice
from click.core import ParameterSource

from rnnwords.cli.help import command
from rnnwords.cli.models import LATEST, MODELS, is_run_name, run_name
from rnnwords.cli.options import (
    PATH,
    PATH_OR_STDIN,
    option,
    options,
    read_config,
    text_config,
    text_options,
)
from rnnwords.cli.output.bars import byte_progress
from rnnwords.cli.output.json_output import print_json
from rnnwords.cli.output.notes import note
from rnnwords.cli.training_run import (
    SIGNAL_STATUS,
    run_options,
    show_run,
    stopped_status,
    tensorboard_command,
    training_options,
)
from rnnwords.cli.types import Number, Whole
from rnnwords.config import TextConfig, shown
from rnnwords.errors import CorpusError, SaveError, UsageError
from rnnwords.files import reason
from rnnwords.network.config import INPUTS, RNN_CELLS, SOFTMAXES
from rnnwords.saving import replace_file
from rnnwords.text.examples import EXAMPLES, example_text
from rnnwords.training.distributed.cluster import STRATEGIES
from rnnwords.training.settings.config import OPTIMIZERS, PRECISIONS, SCHEDULES
from rnnwords.training.settings.recipes import RECIPES
from rnnwords.training.settings.request import NETWORK_DEFAULTS, StopRequest, TrainRequest


@command()
@options(
    click.argument("corpus", nargs=-1, metavar="[TEXT...]", type=PATH_OR_STDIN),
    option("--example", Choice(tuple(EXAMPLES)),
           "Train on a text that comes with the program: one fable (204 words), or 32 fables."),
    option("--model", PATH, "Directory of the run.  [default: models/NAME OF THE TEXT]"),
    option("--from base", PATH,
           "Continue from a trained model on new text: run directory or model.safetensors. Network and text settings "
           "are those of the model, and its vocabulary grows.", metavar="MODEL"),
    option("--vocab", PATH, "Vocabulary file, with the text settings in it.", metavar="FILE"),
    option("--teacher", PATH, "Model from whose predictions the network learns, with its vocabulary.", metavar="MODEL"),
    option("--teacher-share", Number(0, 1), "Share of the teacher's predictions in the targets.  [default: 0.9]"),
    option("--validation", PATH_OR_STDIN, "Validation text.", metavar="FILE"),
    option("--validation-split", Number(0, 0.9),
           "Share of the text, at its end, used for validation.  [default: 0.1 from 10,000 words on, else 0]"),
    option("--window", Whole(1, 1000),
           "Words of context per prediction.  [default: 3; with --stateful 35 words per training step]"),
    option("--stateful", bool, "Carry the recurrent state through the whole text instead of reading windows."),
    option("--layers", Whole(1, 16),
           "Number of recurrent layers.  [default: 2; for windows 1 from 10,000 to 5 million words]"),
    option("--units", Whole(1, 8192), "Units per recurrent layer.  [default: 512]"),
    option("--cell", Choice(RNN_CELLS), "Type of the recurrent layers.  [default: lstm]"),
    option("--input", Choice(INPUTS),
           "Input encoding: learned embedding, one-hot vector, or the token id as one number.  [default: embedding]"),
    option("--embedding", Whole(1, 8192),
           "Size of the word embeddings.  [default: 256; for more than 5 million words or with --stateful as --units]"),
    option("--tie/--no-tie", bool, "Share the weights of embedding and output layer.  [default: from 10,000 words on]",
           default=None),
    option("--softmax", Choice(("auto", *SOFTMAXES)),
           "Output layer; adaptive is faster for large vocabularies.  [default: auto: adaptive above 30,000 tokens]"),
    option("--ngram", Whole(1, 9), "Order of the n-gram model that is interpolated with the network.  "
           "[default: chosen by the length of the text; without validation text none]"),
    option("--no-ngram", bool, "Add no n-gram model."),
    option("--cache", Whole(1, 10_000), "Fit interpolation weights for a cache of N words, which predictions use if it "
           "lowers the perplexity by 1 % or more.  [default: 500; without validation text none]"),
    option("--no-cache", bool, "Fit no weights for a cache."),
    option("--calibrate/--no-calibrate", bool,
           "Temperature scaling, fitted on the validation text.  [default: where there is validation text]",
           default=None),
    option("--dropout", Number(0, 0.95), "Dropout rate of embeddings and layer outputs."),
    option("--dropout-start", Number(0, 0.95), "Initial dropout rate, which changes linearly to --dropout."),
    option("--variational/--no-variational", bool, "Use the same dropout mask for all time steps.", default=None),
    option("--weight-dropout", Number(0, 0.95), "Dropout rate of the recurrent weights."),
    option("--activation-penalty", Number(0, 100), "Penalty on the mean square of the outputs of the last layer."),
    option("--change-penalty", Number(0, 100), "Penalty on the mean square of their changes from word to word."),
    option("--optimizer", Choice(OPTIMIZERS), "Optimizer."),
    option("--learning-rate", Number(1e-8, 100), "Highest learning rate."),
    option("--learning-rate-end", Number(0, 100),
           "Last learning rate of the cosine schedule.  [default: 1 % of the highest]"),
    option("--schedule", Choice(SCHEDULES), "Learning rate schedule."),
    option("--warmup", Number(0, 0.9), "Share of the budget in which the learning rate rises."),
    option("--weight-decay", Number(0, 1), "Weight decay of AdamW."),
    option("--label-smoothing", Number(0, 0.5), "Share of the target probability that is spread over all words."),
    option("--ema", Number(0, 0.99999), "Decay of an exponential moving average of the weights."),
    option("--clip-norm", Number(1e-6, 1e6), "Largest norm of the gradients; larger ones are scaled down."),
    option("--batch-size", Whole(1, 65536), "Windows, or with --stateful streams, per step."),
    option("--epochs", Whole(1, 1_000_000), "Budget: passes over the text."),
    option("--precision", Choice(PRECISIONS), "Number type of matrix products.  [default: auto]"),
    option("--histograms", bool, "Log histograms of weights and gradients for TensorBoard."),
    option("--distribute", Choice(STRATEGIES),
           "Train on several devices: mirrored: all GPUs of this machine; multiworker: the machines in TF_CONFIG."),
    option("--recipe", Choice(tuple(RECIPES)), "Named settings, over which other options have priority: tutorial: the "
           "LSTM word predictor of a well-known tutorial; chapter: a text generator for a book."),
    text_options,
    run_options,
    option("--patience", Whole(1, 1_000_000), "Evaluations without a better one after which training ends."),
)  # fmt: skip
def train(
    corpus: tuple[Path, ...], example: str | None, model: Path | None, as_json: bool, quiet: bool, **options: Any
) -> int:
    """Train a model on a text. The same command again resumes an interrupted run.

    \b
    Examples:
      rnnwords train --example fable
      rnnwords train story.txt
      rnnwords train novel.txt --window 5 --time 10m
      rnnwords train letters.txt --from models/novel
      rnnwords train story.txt --recipe tutorial
    """
    from rnnwords.cli.reports.training.run_summary import COMMANDS, conclusion
    from rnnwords.cli.reports.training.train_display import TextRunDisplay
    from rnnwords.model_file import FILE_NAME
    from rnnwords.training.suggestion import settings_without_loops
    from rnnwords.training.train import train as train_run

    name, corpus = _text(corpus, example)
    directory, stop = model or MODELS / (name or _run_name(corpus[0])), StopRequest()
    with contextlib.ExitStack() as reading:
        progress = reading.enter_context(byte_progress(quiet or options["plain"]))
        display = TextRunDisplay(quiet, as_json, reading.close, lambda: _remember(directory), options["plain"])
        events = train_run(_request(corpus, directory, options), stop=stop, progress=progress)
        finished = show_run(events, display, stop)
    if display.planned is None:  # another process is the chief of the run, and reports on it
        return SIGNAL_STATUS.get(finished.reason, 0)
    if as_json:
        print_json({"model": str(directory / FILE_NAME), "reason": finished.reason, "step": finished.step,
                    "seconds": round(finished.seconds, 1), **finished.metrics,
                    "held_out": display.held_out and display.held_out.to_json()})  # fmt: skip
    if status := stopped_status(finished):
        return status
    if not quiet:
        is_default = directory.parent == MODELS and not display.problem and not os.environ.get("RNNWORDS_MODEL")
        planned = display.planned
        settings = settings_without_loops(directory / FILE_NAME, planned.prompt, planned.passage)
        curves, default = tensorboard_command(directory), None if is_default else directory
        for line in conclusion(finished, planned, default, settings, display.epochs, curves, display.held_out):
            show = note if line.startswith(COMMANDS) else display.line  # which wraps: a command must stay whole
            show(line)
    return 0


def _text(corpus: tuple[Path, ...], example: str | None) -> tuple[str | None, tuple[Path, ...]]:
    """Return the name of the example that is trained on, if it is one, and the files of the text."""
    if corpus and example:
        raise UsageError(
            f"expected a text or `example`, found both: {shown(str(corpus[0]))} and {example}; leave one out"
        )
    if example:
        return example, (example_text(example),)
    if not corpus:
        raise UsageError(
            "expected a text, found none; name a file, as in: rnnwords train story.txt; or try a text that comes with "
            "the program: rnnwords train --example fable"
        )
    return None, corpus


def _request(corpus: tuple[Path, ...], directory: Path, options: dict[str, Any]) -> TrainRequest:
    for name in ("ngram", "cache"):
        if options[f"no_{name}"] and options[name]:
            raise UsageError(f"expected `{name}` or `no_{name}`, found both; leave one out")
    network = {name: options[name] for name in NETWORK_DEFAULTS} | {"stateful": options["stateful"] or None}
    same = {item.name: options[item.name] for item in fields(TrainRequest) if item.name in options}
    same |= {name: 0 if options[f"no_{name}"] else options[name] for name in ("ngram", "cache")}
    return TrainRequest(
        corpus,
        directory,
        text_config(options),
        network,
        training_options(options),
        options["vocab"],
        given_text=_typed(item.name for item in fields(TextConfig)),
        read=read_config(options),
        **same,
    )


def _typed(names: Iterable[str]) -> frozenset[str]:
    """Return the names of those options that the command line has, also with their defaults."""
    context = click.get_current_context()
    return frozenset(name for name in names if context.get_parameter_source(name) is ParameterSource.COMMANDLINE)


def _run_name(text: Path) -> str:
    """Return the name of the text or directory without its endings, as a name under models/."""
    if str(text) == "-":
        raise UsageError("expected --model DIRECTORY with a text from standard input, which has no name; add it")
    from rnnwords.text.formats.registry import is_text

    full = text.name or os.path.basename(os.path.abspath(text))
    name = full.removesuffix(".gz")
    name = os.path.splitext(name)[0] if is_text(name) else name
    if name == LATEST.name:
        raise UsageError(f"{LATEST} holds the name of the latest model; add --model DIRECTORY for this run")
    name = name if is_run_name(name) else full
    if not is_run_name(name):
        raise CorpusError(f"expected a text with a name, found {text}; add --model DIRECTORY for this run")
    return run_name(name)


def _remember(directory: Path) -> str | None:
    """Make this the default model of other commands, if it is one of those under models/.

    Return a warning if that is impossible, which ends no training.
    """
    try:
        if not os.path.isdir(MODELS) or not os.path.samefile(directory.parent, MODELS):
            return None
        name = os.fsencode(f"{directory.name}\n")
        status = os.lstat(LATEST) if os.path.lexists(LATEST) else None
        if status and not stat.S_ISREG(status.st_mode):  # a pipe would wait for a reader, and a link leads elsewhere
            raise SaveError(f"{LATEST}: expected a file, found another kind")
        if not status or status.st_size != len(name) or LATEST.read_bytes() != name:
            replace_file(LATEST, [name])
    except (OSError, SaveError) as error:
        problem = f"could not save {LATEST}: {reason(error)}" if isinstance(error, OSError) else str(error)
        return f"{problem}; other commands find this model by --model {directory}"
    return None
