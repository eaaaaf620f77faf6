"""`rnnwords generate`: the text that follows a prompt."""

import sys
from array import array
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rnnwords.cli.interpolation_options import mixed, mixing_options
from rnnwords.cli.options import (
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
from rnnwords.cli.output.printer import Printer
from rnnwords.errors import UsageError

if TYPE_CHECKING:
    from rnnwords.cli.reports.generate_report import Reporter
    from rnnwords.generation.overlap import Overlap
    from rnnwords.generation.suffix_array import Suffixes
    from rnnwords.generation.writer import Request
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
@click.option(
    "--report",
    is_flag=True,
    help="Say what a text copies from the one named with --train-text, and what it repeats of itself: on stderr, or in "
    "JSON as report.",
)
@click.option("--until-sentence", is_flag=True, help="Stop behind the end of a sentence.")
@click.option("--unk", is_flag=True, help="Let <unk>, the symbol for all rare words, be written.")
@oov_option
@mixing_options
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
      rnnwords generate "Once upon" -n 2000 --temperature 1 --report --train-text story.txt
    """
    chance = any(options[name] is not None for name in CHANCE)
    _check(options, chance, silent=quiet and not as_json)
    from_pipe = prompt is None and not sys.stdin.isatty()
    predictor = mixed(load_predictor(model, quiet), options, quiet)
    if chance or (prompt is None and not from_pipe):
        seed = drawn_seed(seed, quiet)
    trained = _trained(predictor, options)
    request = _request(options, seed, _overlap(trained, options))
    oov = oov_policy(options["oov"], predictor, from_pipe)
    if not from_pipe:
        prompt = clean(prompt) if prompt is not None else predictor.draw_word(seed or 0)
        for word in dict.fromkeys(predictor.unknown(prompt)) if oov != "error" else ():
            note(predictor.vocabulary.unknown_message(word), quiet)
    printer = Printer(one_line=from_pipe and not options["nul"], end="\0" if options["nul"] and from_pipe else "\n",
                      stream=options["stream"], raw=options["raw"])  # fmt: skip
    reporter = _reporter(predictor, trained, quiet) if options["report"] else None
    for text in _piped(options["nul"]) if prompt is None else [prompt]:
        wholes = _wholes(predictor, text, request, oov, options) if as_json or options["beam"] else []
        made = [array("i", whole.pop("ids")) for whole in wholes]
        if as_json:
            if reporter:
                wholes = [{**whole, "report": reporter.figures(ids)} for whole, ids in zip(wholes, made, strict=True)]
            print_json({"prompt": text, "oov": predictor.unknown(text), "text": wholes[0]["text"], "samples": wholes})
        elif options["beam"]:
            for whole, ids in zip(wholes, made, strict=True):
                note(f"log-probability {whole['log_probability']:.4f}, score {whole['score']:.4f}", quiet)
                printer.print(text, [whole["text"]])
                if reporter:
                    reporter.tell(ids)
        else:
            for sample in _samples(request, options["samples"]):
                ids = array("i")
                written = ids.append if reporter else None
                words = predictor.stream(text, sample, oov=oov, tokens=options["tokens"], written=written)
                printer.print(text, (f" {word}" for word in words) if options["tokens"] else words)
                if reporter:
                    reporter.tell(ids)


def _check(options: dict[str, Any], chance: bool, silent: bool) -> None:
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
    if options["train_text"] and not (options["max_overlap"] or options["report"]):
        raise UsageError(
            "--train-text is for --max-overlap N, which says how many words in a row may be copied, and for --report"
        )
    if options["report"] and silent:
        raise UsageError("--report goes to stderr, which --quiet silences; take one of them, or add --json")


def _trained(predictor: "Predictor", options: dict[str, Any]) -> "Suffixes | None":
    """The text named with --train-text, to look up as many words in a row as the options need."""
    if not options["train_text"]:
        return None
    from rnnwords.generation.originality import GRAM
    from rnnwords.generation.suffix_array import Suffixes
    from rnnwords.text.encoding import ids_of
    from rnnwords.text.reading import Corpus

    depth = max(options["max_overlap"] or 0, max(GRAM, options["words"]) if options["report"] else 0)
    return Suffixes(ids_of(Corpus(options["train_text"], "replace"), predictor.vocabulary), depth)


def _overlap(trained: "Suffixes | None", options: dict[str, Any]) -> "Overlap | None":
    if trained is None or not options["max_overlap"]:
        return None
    from rnnwords.generation.overlap import Overlap

    return Overlap(trained, options["max_overlap"])


def _reporter(predictor: "Predictor", trained: "Suffixes | None", quiet: bool) -> "Reporter":
    from rnnwords.cli.reports.generate_report import Reporter

    return Reporter(predictor.vocabulary, trained, quiet)


def _request(options: dict[str, Any], seed: int | None, overlap: "Overlap | None") -> "Request":
    from rnnwords.generation.writer import Request

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
    from rnnwords.cli.stdin import waiting_lines

    for batch in waiting_lines(b"\0" if nul else b"\n"):
        yield from batch
