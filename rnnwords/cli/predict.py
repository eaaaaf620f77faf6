"""`rnnwords predict`: the next words with their probabilities, for one prompt or a stream of them."""

import sys
from pathlib import Path
from typing import Any

import click

from rnnwords.cli.common import (
    json_option,
    load_predictor,
    model_option,
    note,
    print_json,
    prompts_of,
    quiet_option,
)
from rnnwords.cli.terminal import can_write, safe
from rnnwords.prediction.choices import OOV_POLICIES


@click.command()
@click.argument("prompt", required=False)
@model_option
@click.option("-k", type=click.IntRange(1, 1_000_000), default=5, show_default=True, help="How many words.")
@click.option("--prefix", default="", help="Only words that begin so; probabilities are of those alone.")
@click.option("--oov", type=click.Choice(OOV_POLICIES), help="What an unknown word of the prompt becomes.")
@json_option
@quiet_option
def predict(
    prompt: str | None, model: Path | None, k: int, prefix: str, oov: str | None, as_json: bool, quiet: bool
) -> None:
    """Rank the next words of a prompt. Without one: a context a line on stdin, an answer a line on stdout.

    \b
    Examples:
      rnnwords predict "had a general"
      rnnwords predict "had a" --prefix ge
      cat contexts.txt | rnnwords predict --json
    """
    predictor = load_predictor(model, quiet)
    from_pipe = prompt is None
    if oov is None and not from_pipe and predictor.vocabulary.unk is None:
        oov = "error"
    for text in prompts_of(prompt, from_pipe, lambda: ""):
        answer = answer_to(predictor, text, k, prefix, oov)
        if as_json:
            print_json(answer)
        elif from_pipe:
            click.echo("\t".join(f"{safe(item['word'])} {item['probability']:.4f}" for item in answer["predictions"]))
        else:
            for word in answer["oov"]:
                note(predictor.vocabulary.unknown_message(word), quiet)
            _table(answer, prefix)
        sys.stdout.flush()


def answer_to(predictor: Any, text: str, k: int, prefix: str, oov: str | None) -> dict[str, Any]:
    """One answer: ranked words, unknown words of the prompt, entropy of the whole distribution in nats."""
    ids, unknown = predictor.encode(text, oov)
    scores = predictor.context(ids).log_probabilities()
    return {
        "prompt": text,
        "predictions": [item._asdict() for item in predictor.rank_scores(scores, k, prefix)],
        "oov": unknown,
        "entropy": predictor.entropy(scores),
    }


def _table(answer: dict[str, Any], prefix: str) -> None:
    words = [safe(item["word"]) for item in answer["predictions"]]
    if not words:
        note(f"no word begins with {prefix!r}")
    width = max((len(word) for word in words), default=0)
    for word, item in zip(words, answer["predictions"], strict=True):
        click.echo(f"{word:<{width}}  {item['probability']:7.2%}  {_bar(item['probability'])}".rstrip())
    if prefix and words:
        note(f"probabilities are of the words that begin with {prefix!r}")


def _bar(share: float, cells: int = 20) -> str:
    """A share of 1 as a bar."""
    full = "\u2587" if can_write("\u2587", sys.stdout) else "#"
    return full * round(share * cells)
