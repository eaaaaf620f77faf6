"""The options that mix something into the predictions of a network, alike in every command that asks one."""

from typing import TYPE_CHECKING, Any

import click

from rnnwords.cli.options import F, Number, note
from rnnwords.prediction.choices import BLENDS

if TYPE_CHECKING:
    from rnnwords.prediction.predictor import Predictor

OPTIONS = ("blend", "cache", "cache_weight", "cache_theta")


class BlendType(click.ParamType[str | float]):
    """One of BLENDS, or a weight."""

    name = "blend"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return f"[{'|'.join(BLENDS)}|WEIGHT]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | float:
        try:
            number = float(value)
        except ValueError:
            if value not in BLENDS:
                self.fail(f"{value!r} is none of {', '.join(BLENDS)}, and no number between 0 and 1.", param, ctx)
            return str(value)
        if not 0 <= number <= 1:
            self.fail(f"{value} is not in the range 0<=x<=1.", param, ctx)
        return number

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        return [click.shell_completion.CompletionItem(name) for name in BLENDS if name.startswith(incomplete)]


def mixing_options(function: F) -> F:
    """`--blend`, `--cache` and its weights."""
    for option in (
        click.option("--cache-theta", type=Number(0, 100), metavar="X",
                     help="How sharply the cache prefers some of its words.  [default: as tuned]"),
        click.option("--cache-weight", type=Number(0, 0.99), metavar="X",
                     help="Share of the cache.  [default: as tuned]"),
        click.option("--cache", type=click.IntRange(0, 10_000), metavar="N",
                     help="Mix in a cache of the last N words, which are likely to come again."),
        click.option("--blend", type=BlendType(),
                     help="Mix in the model's n-gram (train --ngram N). fixed: by one weight, tuned in training; "
                     "count: by how often it saw the context; auto: by the best there is; or by the network's WEIGHT, "
                     "0 to 1."),
    ):  # fmt: skip
        function = option(function)
    return function


def mixed(predictor: "Predictor", options: dict[str, Any], quiet: bool) -> "Predictor":
    """The predictor with what the options ask mixed in, told on stderr; itself if they ask nothing."""
    if not any(options[name] is not None for name in OPTIONS):
        return predictor
    from rnnwords.lm.loading import Mixing, described
    from rnnwords.lm.loading import mixed as mix

    found = mix(predictor, Mixing(**{name: options[name] for name in OPTIONS}))
    if found.terms:
        note(f"mixed: {described(found.terms)}", quiet)
    return found
