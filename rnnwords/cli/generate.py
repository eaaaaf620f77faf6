"""`rnnwords generate`: the text that follows a prompt."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from rnnwords.cli.common import (
    drawn_seed,
    json_option,
    load_predictor,
    model_option,
    note,
    print_json,
    prompts_of,
    quiet_option,
    seed_option,
)
from rnnwords.prediction.choices import OOV_POLICIES


@click.command()
@click.argument("prompt", required=False)
@model_option
@click.option("-n", "--words", type=click.IntRange(1, 10_000_000), default=32, show_default=True, help="Words to make.")
@click.option("--temperature", type=click.FloatRange(0.001, 100), help="Draw words by chance, bolder the higher.")
@click.option("--top-k", type=click.IntRange(1, 1_000_000), help="Draw from the K likeliest words only.")
@click.option("--top-p", type=click.FloatRange(0.001, 1), help="Draw from the likeliest words that make up share P.")
@click.option(
    "--repetition-penalty", type=click.FloatRange(1, 100), default=1.0, help="Makes recent words less likely."
)
@click.option("--no-repeat", type=click.IntRange(1, 100), metavar="N", help="No N words in a row occur twice.")
@click.option("--until-sentence", is_flag=True, help="Stop behind the end of a sentence.")
@click.option("--oov", type=click.Choice(OOV_POLICIES), help="What an unknown word of the prompt becomes.")
@click.option("--tokens", is_flag=True, help="Print the symbols as they are, a space between them.")
@click.option("--raw", is_flag=True, help="Leave control characters as they are, in a pipe.")
@seed_option
@json_option
@quiet_option
def generate(prompt: str | None, model: Path | None, as_json: bool, quiet: bool, **options: Any) -> None:
    """Continue a text. Greedy without sampling options, so that the same prompt gives the same words.

    \b
    Examples:
      rnnwords generate "had a general"
      rnnwords generate "Once upon" -n 200 --temperature 0.8 --top-k 40
    """
    predictor = load_predictor(model, quiet)
    chance = any(options[name] is not None for name in ("temperature", "top_k", "top_p"))
    from_pipe = prompt is None and not sys.stdin.isatty()
    if prompt is None and not from_pipe:
        chance = True
    seed = drawn_seed(options["seed"], quiet) if chance else options["seed"]
    for text in prompts_of(prompt, from_pipe, lambda: predictor.draw_word(seed or 0)):
        oov = options["oov"] or (None if from_pipe or predictor.vocabulary.unk is not None else "error")
        for word in dict.fromkeys(predictor.unknown(text)):
            if oov != "error":
                note(predictor.vocabulary.unknown_message(word), quiet)
        made = predictor.generate(
            text, options["words"], temperature=options["temperature"], top_k=options["top_k"], top_p=options["top_p"],
            repetition_penalty=options["repetition_penalty"], no_repeat=options["no_repeat"], seed=seed, oov=oov,
            until_sentence=options["until_sentence"], tokens=options["tokens"],
        )  # fmt: skip
        if as_json:
            text_made = (" " if options["tokens"] else "").join(made)
            print_json({"prompt": text, "text": text_made.strip(), "seed": seed})
        else:
            _write(text, made, options["tokens"], options["raw"])


def _write(prompt: str, made: Iterator[str], tokens: bool, raw: bool) -> None:
    """The prompt and the words after it, as they come."""
    from rnnwords.cli.repl_display import Display

    if raw and not sys.stdout.isatty():
        click.echo(prompt + "".join(f" {word}" if tokens else word for word in made))
        return
    display = Display(sys.stdout, sys.stderr)
    display.word(prompt)
    for word in made:
        display.word(f" {word}" if tokens else word)
    display.end_line(always=True)
    sys.stdout.flush()
