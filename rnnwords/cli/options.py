"""Options and arguments that several commands share."""

import os
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import reduce
from typing import Any, TypeVar

import click
from click import Choice

from rnnwords.cli.types import FilePath, Interpolation, Number, Whole
from rnnwords.config import NORMALIZATIONS, OOV_POLICIES, TOKENIZERS, Config, ReadConfig, TextConfig

F = TypeVar("F", bound=Callable[..., Any])
PATH = FilePath()
PATH_OR_STDIN = FilePath(allow_dash=True)


def option(names: str, kind: Any, text: str, **settings: Any) -> Callable[[F], F]:
    """Return the decorator that adds an option. Spaces separate its `names`; `bool` is the type of a flag.

    The help shows a default that is set here.
    """
    settings["is_flag"] = kind is bool or None  # with False, Click would take a value like -1 for an option
    settings["show_default"] = bool(settings.get("default"))
    return click.option(*names.split(), type=kind, help=text, **settings)


def options(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Return the decorator that adds several options, which the help lists in this order."""
    return lambda function: reduce(lambda decorated, add: add(decorated), reversed(decorators), function)


prompt_argument = click.argument("prompt", required=False)
corpus_argument = click.argument("corpus", nargs=-1, required=True, metavar="TEXT...", type=PATH_OR_STDIN)
model_option = option(
    "--model", PATH, "Run directory or model.safetensors.  [default: the model trained last]",
    envvar="RNNWORDS_MODEL", show_envvar=True,
)  # fmt: skip
quiet_option = option("--quiet", bool, "Print no notes and no progress on stderr.")
plain_option = option("--plain", bool, "Print whole lines only, for screen readers: no bars, no colours, no redrawing.")
output_options = options(option("--json as_json", bool, "Print JSON instead of text."), quiet_option)
seed_option = option("--seed", Whole(0, 2**32 - 1), "Random seed.  [default: random, printed]")
oov_option = option(
    "--oov", Choice(OOV_POLICIES),
    "Policy for words of the prompt outside the vocabulary: read them as <unk>, skip them, or fail with an error "
    "that names similar words.  [default: unk; for a model without <unk>: error, on stdin skip]",
)  # fmt: skip
null_option = option(
    "-0 --null nul", bool,
    "Separate prompts on stdin by NUL instead of line ends, so that a prompt can contain line ends.",
)  # fmt: skip
train_text_option = option(
    "--train-text", PATH_OR_STDIN,
    "Training text of the model, which the model file does not contain. Can be repeated.", multiple=True,
    metavar="FILE",
)  # fmt: skip
content_options = options(  # that decide what of a file is its text
    option("--text-column", str, "Column of CSV files that contains the text.", metavar="NAME"),
    option("--text-field", str, "Field of JSON Lines that contains the text.", metavar="NAME"),
    option("--keep-code", bool, "Keep blocks of code in Markdown and HTML."),
    option("--keep-boilerplate", bool, "Keep header and licence of Project Gutenberg."),
)
reading_options = options(  # that decide how files become text
    content_options,
    option("--encoding-errors", Choice(["strict", "replace"]),
           "Bytes that are not UTF-8: fail, or replace them by U+FFFD.", default="strict"),
)  # fmt: skip
exclude_option = option(
    "--exclude", PATH, "Words that are never offered, whatever their case: a file with one per line. Lines that begin "
    "with # are comments.", metavar="FILE",
)  # fmt: skip
personal_option = option(
    "--personal", PATH, "Personal file: repl and lsp keep what is written in it, and predict by it. It need not exist "
    "yet.", metavar="FILE", envvar="RNNWORDS_PERSONAL", show_envvar=True,
)  # fmt: skip
sampling_options = options(
    option("--top-k", Whole(1, 1_000_000), "Sample from the N most probable words."),
    option("--top-p", Number(0.001, 1), "Sample from the fewest words with a total probability of X."),
)
text_options = options(  # that decide how text becomes tokens
    option("--max-size", Whole(1, 1_000_000), "Keep the N most frequent words; the others become <unk>."),
    option("--min-count", Whole(1, 10**12), "Keep words that occur N times or more; the others become <unk>."),
    option("--tokenizer", Choice(TOKENIZERS), "Tokenizer: words separates punctuation, in any script; whitespace takes "
           "the text as already split.", default="words"),
    option("--lowercase", bool, "Lowercase all text."),
    option("--eos", bool, "Make each line end a token, <eos>."),
    option("--normalize", Choice(NORMALIZATIONS), "Form of characters: nfc gives each word one form (Unicode NFC) and "
           "drops invisible characters; none keeps the text as it is.", default="nfc"),
    reading_options,
)  # fmt: skip
interpolation_options = options(
    option("--interpolate", Interpolation(), "Interpolation of the network with the n-gram of the model: auto, all "
           "that was fitted on validation text; off, the network alone; fixed, one weight; count, weights by how often "
           "the n-gram has seen the context; or WEIGHT of the network, 0 to 1.", default="auto"),
    option("--cache", Whole(0, 10_000),
           "Interpolate a cache of the last N words, which raises the probability of recent words."),
    option("--cache-weight", Number(0, 0.99), "Weight of the cache.  [default: as fitted]"),
    option("--cache-sharpness", Number(0, 100),
           "Preference of the cache for similar contexts or recent words.  [default: as fitted]"),
)  # fmt: skip
adapt_option = option(
    "--adapt", bool, "Adapt the weights of the network to the text as it is read (dynamic evaluation), with the rate "
    "and the decay that training fitted.",
)  # fmt: skip


def read_config(options: Mapping[str, Any]) -> ReadConfig:
    """Return how files are read, from the options of a command."""
    return ReadConfig(**_settings(ReadConfig, options))


def text_config(options: Mapping[str, Any]) -> TextConfig:
    """Return the text settings in the options of a command."""
    return TextConfig(**_settings(TextConfig, options))


def _settings(config: type[Config], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the settings that the command has as options."""
    return {item.name: options[item.name] for item in fields(config) if item.name in options}


def cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
