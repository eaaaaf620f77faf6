"""`rnnwords generate`: the text that follows a prompt."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rnnwords.cli.common import (
    Number,
    clean,
    drawn_seed,
    json_option,
    load_predictor,
    model_option,
    note,
    nul_option,
    oov_option,
    oov_policy,
    print_json,
    quiet_option,
    seed_option,
    train_text_option,
)
from rnnwords.cli.printing import Printer
from rnnwords.errors import UsageError

if TYPE_CHECKING:
    from rnnwords.prediction.generation import Request
    from rnnwords.prediction.overlap import Overlap
    from rnnwords.prediction.predictor import Predictor

CHANCE = ("temperature", "top_k", "top_p")


@click.command()
@click.argument("prompt", required=False)
@model_option
@click.option("-n", "--words", type=click.IntRange(1, 10_000_000), default=32, show_default=True, help="Words to make.")
@click.option(
    "--samples",
    type=click.IntRange(1, 10_000),
    default=1,
    metavar="N",
    help="N texts; sample i is what the seed plus i gives, counted from 0. With --beam, its N best.",
)
@click.option("--temperature", type=Number(0.001, 100), help="Draw words by chance, bolder the higher.")
@click.option("--top-k", type=click.IntRange(1, 1_000_000), help="Draw from the K likeliest words only.")
@click.option("--top-p", type=Number(0.001, 1), help="Draw from the likeliest words that make up share P.")
@click.option(
    "--beam",
    type=click.IntRange(1, 1_000),
    metavar="N",
    help="Search for the most probable text, with N candidates at a time.",
)
@click.option("--repetition-penalty", type=Number(1, 100), default=1.0, help="Makes words of the last 64 less likely.")
@click.option("--no-repeat", type=click.IntRange(1, 100), metavar="N", help="No N words in a row occur twice.")
@click.option(
    "--max-overlap",
    type=click.IntRange(1, 50),
    metavar="N",
    help="Never more than N words in a row copied from the text named with --train-text.",
)
@train_text_option
@click.option("--until-sentence", is_flag=True, help="Stop behind the end of a sentence.")
@click.option("--unk", is_flag=True, help="Let <unk>, the symbol for all rare words, be written.")
@oov_option
@click.option("--tokens", is_flag=True, help="Print the symbols as they are, a space between them.")
@click.option("--stream/--no-stream", default=None, help="Print each word as it is made.  [default: on a terminal]")
@click.option("--raw", is_flag=True, help="Leave control characters as they are, in a pipe.")
@nul_option
@seed_option
@json_option
@quiet_option
def generate(
    prompt: str | None, model: Path | None, seed: int | None, as_json: bool, quiet: bool, **options: Any
) -> None:
    """Continue a text. Greedy without sampling options, so that the same prompt gives the same words.

    Without a prompt, on a terminal, it begins with a word drawn by frequency. From a pipe it reads a prompt a line and
    prints an answer a line, in which line ends are spaces; with -0 both end in NUL, and line ends stay.

    \b
    Examples:
      rnnwords generate "had a general"
      rnnwords generate "Once upon" -n 200 --temperature 0.8 --top-k 40
      rnnwords generate "Once upon" --temperature 1 --max-overlap 5 --train-text story.txt
    """
    chance = any(options[name] is not None for name in CHANCE)
    _check(options, chance)
    from_pipe = prompt is None and not sys.stdin.isatty()
    predictor = load_predictor(model, quiet)
    if chance or (prompt is None and not from_pipe):
        seed = drawn_seed(seed, quiet)
    request = _request(options, seed, _overlap(predictor, options))
    oov = oov_policy(options["oov"], predictor, from_pipe)
    if not from_pipe:
        prompt = clean(prompt) if prompt is not None else predictor.draw_word(seed or 0)
        for word in dict.fromkeys(predictor.unknown(prompt)) if oov != "error" else ():
            note(predictor.vocabulary.unknown_message(word), quiet)
    printer = Printer(one_line=from_pipe and not options["nul"], end="\0" if options["nul"] and from_pipe else "\n",
                      stream=options["stream"], raw=options["raw"])  # fmt: skip
    for text in _piped(options["nul"]) if prompt is None else [prompt]:
        wholes = _wholes(predictor, text, request, oov, options) if as_json or options["beam"] else []
        if as_json:
            print_json({"prompt": text, "oov": predictor.unknown(text), "text": wholes[0]["text"], "samples": wholes})
        elif options["beam"]:
            for whole in wholes:
                note(f"log-probability {whole['log_probability']:.4f}, score {whole['score']:.4f}", quiet)
                printer.print(text, [whole["text"]])
        else:
            for sample in _samples(request, options["samples"]):
                words = predictor.stream(text, sample, oov=oov, tokens=options["tokens"])
                printer.print(text, (f" {word}" for word in words) if options["tokens"] else words)


def _check(options: dict[str, Any], chance: bool) -> None:
    """Raise UsageError for options that cannot stand together, before anything is loaded."""
    beam, samples = options["beam"], options["samples"]
    if beam and chance:
        raise UsageError("--beam looks for the most probable text; it takes no --temperature, --top-k or --top-p")
    if beam and samples > beam:
        raise UsageError(f"--samples {samples} are more than --beam {beam} can find; take a wider beam")
    if samples > 1 and not (beam or chance):
        raise UsageError("without chance all samples are the same; add --temperature, --top-k or --top-p, or --beam")
    if options["max_overlap"] and not options["train_text"]:
        raise UsageError(
            "--max-overlap needs the text that must not be copied, which a model file does not hold; "
            "name it with --train-text FILE"
        )
    if options["train_text"] and not options["max_overlap"]:
        raise UsageError("--train-text is for --max-overlap N: say how many words in a row may be copied")


def _overlap(predictor: "Predictor", options: dict[str, Any]) -> "Overlap | None":
    if not options["max_overlap"]:
        return None
    from rnnwords.prediction.overlap import Overlap
    from rnnwords.prediction.texts import ids_of
    from rnnwords.text.reading import Corpus

    return Overlap(ids_of(Corpus(options["train_text"], "replace"), predictor.vocabulary), options["max_overlap"])


def _request(options: dict[str, Any], seed: int | None, overlap: "Overlap | None") -> "Request":
    from rnnwords.prediction.generation import Request

    names = ("temperature", "top_k", "top_p", "repetition_penalty", "no_repeat", "words", "until_sentence", "unk")
    return Request(**{name: options[name] for name in names}, seed=seed, overlap=overlap)


def _samples(request: "Request", count: int) -> "Iterator[Request]":
    """Sample i has a seed of its own, i more than the first: any one of them can be had again alone."""
    for number in range(count):
        yield request if request.greedy else replace(request, seed=((request.seed or 0) + number) % 2**32)


def _wholes(
    predictor: "Predictor", prompt: str, request: "Request", oov: str | None, options: dict[str, Any]
) -> list[dict[str, Any]]:
    """The texts that follow a prompt, each with its figures."""
    tokens, samples = options["tokens"], options["samples"]
    if options["beam"]:
        found = predictor.beams(prompt, request, options["beam"], oov=oov, tokens=tokens)[:samples]
        return [{**text._asdict(), "seed": None} for text in found]
    return [
        {**predictor.write(prompt, sample, oov=oov, tokens=tokens)._asdict(), "seed": sample.seed}
        for sample in _samples(request, samples)
    ]


def _piped(nul: bool) -> Iterator[str]:
    from rnnwords.cli.lines import waiting_lines

    for batch in waiting_lines(b"\0" if nul else b"\n"):
        yield from batch
