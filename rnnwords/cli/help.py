"""Help texts: the command class that shows options in groups, ranges as "1 to 16" and whole sentences."""

import re
from collections.abc import Callable
from typing import Any

import click

from rnnwords.cli.errors import TYPED, with_options
from rnnwords.errors import RnnwordsError

# Heading -> options below it, by parameter name, in any command.
GROUPS = {
    "Model": "",
    "Series": "column test",
    "Text": "example base tokenizer lowercase eos normalize unk min_count max_size vocab validation validation_split "
    "as_text text_column text_field keep_code keep_boilerplate encoding_errors",
    "Network": "window stateful layers units cell input embedding tie softmax",
    "Training": "recipe teacher teacher_share optimizer learning_rate learning_rate_end schedule warmup batch_size "
    "precision distribute restart",
    "Regularization": "dropout dropout_start variational weight_dropout activation_penalty change_penalty weight_decay "
    "label_smoothing ema clip_norm",
    "Budget": "epochs iterations time patience",
    "Prediction": "model words inline_words samples temperature top_k top_p beam repetition_penalty no_repeat_ngram "
    "max_overlap train_text until_sentence interpolate cache no_cache cache_weight cache_sharpness adapt max_context "
    "ngram no_ngram calibrate k prefix exact exclude personal oov independent_lines seed",
    "Evaluation": "by_frequency baseline baseline_order calibration compare",
    "Output": "output format weights name unit log_base tokens stream raw nul tutorial report history plot "
    "log_every checkpoint_every histograms as_json plain quiet",
}
# Command -> parameter -> heading, where it is another one.
EXCEPTIONS = {
    "train": {"model": "Output", "seed": "Training"},
    "forecast": {"model": "Output", "seed": "Training", "decimal": "Text"},
    "generate": {"unk": "Prediction"},
    "eval": {"train_text": "Evaluation", "seed": "Evaluation"},
    "info": {"model": "Model"},
    "export": {"model": "Model"},
}
OTHER = "Other"
WIDEST = 28  # columns of the names of options; longer ones have a line of their own
METAVARS = {"INTEGER RANGE": "N", "FLOAT RANGE": "X", "INTEGER": "N", "FLOAT": "X"}  # of Click -> of this program
_HEADINGS = {option: heading for heading, options in GROUPS.items() for option in options.split()}
_RANGE = re.compile(r"(?:([^\s\[;]+)<=)?x(<=|>=)([^\s\];]+)")


class Command(click.Command):
    """A command whose help shows options in groups, and whose errors name options instead of settings."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[TYPED] = tuple(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RnnwordsError as error:
            error.args = (with_options(str(error), ctx),)
            raise

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the first sentence of the help, never cut."""
        return super().get_short_help_str(1_000)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, a section per group."""
        groups: dict[str, list[tuple[str, str]]] = {heading: [] for heading in (*GROUPS, OTHER)}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record:
                groups[self.heading(parameter)].append((readable_names(record[0]), readable_range(record[1])))
        if not any(rows for heading, rows in groups.items() if heading != OTHER):
            groups = {"Options": groups[OTHER]}
        width = min(WIDEST, max(len(names) for rows in groups.values() for names, _ in rows))
        for heading, rows in groups.items():
            if rows:
                with formatter.section(heading):
                    formatter.write_dl([(names.ljust(width), text) for names, text in rows], col_max=WIDEST)

    def heading(self, parameter: click.Parameter) -> str:
        """Return the heading of the group of an option."""
        name = parameter.name or ""
        return EXCEPTIONS.get(self.name or "", {}).get(name) or _HEADINGS.get(name, OTHER)


def command(name: str | None = None, **options: Any) -> Callable[[Callable[..., Any]], Command]:
    """Return the decorator that makes a function a `Command`."""
    return click.command(name, cls=Command, **options)


def readable_names(names: str) -> str:
    """Return the names of an option as Click formats them, with short names of its values."""
    for long, short in METAVARS.items():
        names = re.sub(rf"\b{long}\b", short, names)
    return names


def readable_range(text: str) -> str:
    """Return a help text with ranges as words, and all that Click appends in one pair of brackets.

    >>> readable_range("Layers.  [default: 2]  [1<=x<=16]")
    'Layers.  [default: 2; 1 to 16]'
    """
    return _RANGE.sub(_range, re.sub(r"\]\s+\[", "; ", text))


def _range(match: re.Match[str]) -> str:
    low, sign, bound = match.groups()
    if low is not None:
        return f"{_number(low)} to {_number(bound)}"
    return f"{_number(bound)} or {'more' if sign == '>=' else 'less'}"


def _number(text: str) -> str:
    number = float(text)
    return f"{number:,.0f}" if number.is_integer() else f"{number:g}".replace("e-0", "e-")
