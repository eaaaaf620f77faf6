"""`rnnwords generate`: the continuation of a prompt, or of each line of stdin."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnwords.cli import options as shared
from rnnwords.cli.help import command
from rnnwords.cli.models import load_predictor
from rnnwords.cli.options import option
from rnnwords.cli.output.json_output import print_json
from rnnwords.cli.output.notes import note, seed_or_random
from rnnwords.cli.output.printer import Printer
from rnnwords.cli.stdin import waiting_lines
from rnnwords.cli.types import Number, Whole
from rnnwords.errors import UsageError
from rnnwords.text.reading.utf8 import decode_argument

if TYPE_CHECKING:
    from rnnwords.cli.reports.generate_report import OriginalityReporter
    from rnnwords.generation.suffix_array import SuffixArray
    from rnnwords.generation.writer import GeneratedText
    from rnnwords.prediction.predictor import Predictor

SAMPLING = ("temperature", "top_k", "top_p")
REQUEST = (*SAMPLING, "repetition_penalty", "no_repeat_ngram", "words", "until_sentence", "unk")
Options = Mapping[str, Any]


@command()
@shared.options(
    shared.prompt_argument,
    shared.model_option,
    option("-n --words", Whole(1, 10_000_000), "Number of words.", default=32),
    option("--samples", Whole(1, 10_000), "Number of texts. Text i, counted from 0, is the one of seed + i. With "
           "--beam, the best texts.", default=1),
    option("--temperature", Number(0.001, 100), "Sample words; a higher temperature gives rarer words."),
    shared.sampling_options,
    option("--beam", Whole(1, 1_000), "Beam search with N candidates for the most probable text."),
    option("--repetition-penalty", Number(1, 100), "Factor for the log-probability of words among the last 64.",
           default=1.0),
    option("--no-repeat-ngram", Whole(1, 100), "Never repeat a sequence of N words."),
    option("--max-overlap", Whole(1, 50),
           "Never copy more than N consecutive words from the training text; needs --train-text."),
    shared.train_text_option,
    shared.content_options,
    option("--until-sentence", bool, "Stop after the first end of a sentence."),
    option("--unk", bool, "Allow <unk>, the token of rare words."),
    shared.exclude_option,
    shared.oov_option,
    shared.interpolation_options,
    shared.seed_option,
    option("--tokens", bool, "Print tokens as they are, separated by spaces."),
    option("--stream/--no-stream", bool, "Print each word as soon as it is chosen.  [default: on a terminal]",
           default=None),
    option("--raw", bool, "Do not escape control characters in a pipe."),
    option("--report", bool, "Report how much each text copies from the training text and repeats of itself, on stderr "
           "or in the JSON."),
    shared.null_option,
    shared.output_options,
)  # fmt: skip
def generate(
    prompt: str | None, model: Path | None, seed: int | None, as_json: bool, quiet: bool, **options: Any
) -> None:
    """Continue a prompt.

    By default each word is the most probable one, so the same prompt gives the same text. --temperature, --top-k and
    --top-p sample words instead; --beam searches for the most probable text.

    Without PROMPT, the text begins with a random word on a terminal. From a pipe, one prompt per line is read and one
    line per prompt is printed, with spaces for line ends. With --null, both are separated by NUL and keep line ends.

    \b
    Examples:
      rnnwords generate "had a general"
      rnnwords generate "Once upon" -n 200 --temperature 0.8 --top-k 40
      rnnwords generate "The" --temperature 1 --max-overlap 5 --train-text a.txt
      rnnwords generate "The" --temperature 1 --report --train-text a.txt -n 2000
    """
    sampled = any(options[name] is not None for name in SAMPLING)
    _check(options, sampled, silent=quiet and not as_json)
    from_pipe = prompt is None and not sys.stdin.isatty()
    predictor = load_predictor(model, quiet, options)
    from rnnwords.generation.suffix_array import Overlap
    from rnnwords.generation.writer import GenerationRequest
    from rnnwords.prediction.prompts import resolve_oov

    if sampled or (prompt is None and not from_pipe):
        seed = seed_or_random(seed, quiet)
    trained, is_training_text = _training_text(predictor, options)
    if is_training_text is False:
        note("Warning: --train-text is not the training text of the model; copies from that are not found", quiet)
    overlap = Overlap(trained, options["max_overlap"]) if trained and options["max_overlap"] else None
    request = GenerationRequest(**{name: options[name] for name in REQUEST}, seed=seed, overlap=overlap)
    samples = [request if request.greedy else replace(request, seed=((seed or 0) + number) % 2**32)
               for number in range(options["samples"])]  # fmt: skip
    oov = options["oov"] or resolve_oov(None, predictor.vocabulary, strict=not from_pipe)
    if not from_pipe:
        prompt = decode_argument(prompt) if prompt is not None else predictor.draw_word(seed or 0)
        for word in dict.fromkeys(predictor.unknown(prompt)) if oov != "error" else ():
            note(predictor.vocabulary.unknown_message(word), quiet)
    printer = Printer(one_line=from_pipe and not options["nul"], end="\0" if options["nul"] and from_pipe else "\n",
                      stream=options["stream"], raw=options["raw"])  # fmt: skip
    reporter = None
    if options["report"]:
        from rnnwords.cli.reports.generate_report import OriginalityReporter

        reporter = OriginalityReporter(predictor.vocabulary, trained, is_training_text, quiet)
    beam, tokens = options["beam"], options["tokens"]
    for text in chain.from_iterable(waiting_lines(options["nul"])) if prompt is None else [prompt]:
        beams = predictor.beams(text, request, beam, oov=oov, tokens=tokens)[: len(samples)] if beam else []
        if as_json:
            texts = [_json(one, None, reporter) for one in beams] or [
                _json(predictor.write(text, sample, oov=oov, tokens=tokens), sample.seed, reporter)
                for sample in samples
            ]
            print_json({"prompt": text, "oov": predictor.unknown(text), "text": texts[0]["text"], "samples": texts})
            continue
        for one in beams:
            note(f"log-probability {one.log_prob:.4f}, score {one.score:.4f}", quiet)
            printer.print(text, [one.text])
            if reporter:
                reporter.note(one.ids)
        for sample in samples if not beam else ():
            ids: list[int] = []
            words = predictor.stream(text, sample, oov=oov, tokens=tokens, on_word=ids.append)
            printer.print(text, (f" {word}" for word in words) if tokens else words)
            if reporter:
                reporter.note(ids)


def _check(options: Options, sampled: bool, silent: bool) -> None:
    """Raise UsageError for options that exclude each other, before anything is loaded."""
    beam, samples = options["beam"], options["samples"]
    if beam and sampled:
        given = " and ".join(f"`{name}`" for name in SAMPLING if options[name] is not None)
        raise UsageError(f"expected `beam` or sampling, found `beam` and {given}; leave one out")
    if beam and samples > beam:
        raise UsageError(f"`samples`: expected at most {beam:,}, the width of `beam`, found {samples:,}")
    if samples > 1 and not (beam or sampled):
        raise UsageError(
            "`samples`: expected sampling or `beam`, found neither, so all texts would be equal; add `temperature`, "
            "`top_k`, `top_p` or `beam`"
        )
    if options["max_overlap"] and not options["train_text"]:
        raise UsageError("`max_overlap`: expected the training text, which a model file lacks; add `train_text` FILE")
    if options["train_text"] and not (options["max_overlap"] or options["report"]):
        raise UsageError("`train_text`: expected `max_overlap` or `report`, found neither; add one of them")
    if options["report"] and silent:
        raise UsageError(
            "expected `report` or `quiet`, which silences the report, found both; leave one out, or add `as_json`"
        )


def _training_text(predictor: "Predictor", options: Options) -> "tuple[SuffixArray | None, bool | None]":
    """Return the text of --train-text for look-ups of as many consecutive words as the options need, and whether the
    model was trained on it; None and None without one.
    """
    if not options["train_text"]:
        return None, None
    from rnnwords.files import digest_of
    from rnnwords.generation.originality import GRAM
    from rnnwords.generation.suffix_array import SuffixArray
    from rnnwords.text.encoding import ids_of
    from rnnwords.text.reading.corpus import Corpus

    depth = max(options["max_overlap"] or 0, max(GRAM, options["words"]) if options["report"] else 0)
    corpus = Corpus(options["train_text"], replace(shared.read_config(options), encoding_errors="replace"))
    is_training_text = digest_of(corpus.paths) == predictor.model.training.get("corpus")
    return SuffixArray(ids_of(corpus, predictor.vocabulary), depth), is_training_text


def _json(text: "GeneratedText", seed: int | None, reporter: "OriginalityReporter | None") -> dict[str, Any]:
    """Return a generated text by the keys of the JSON report."""
    values = {"text": text.text, "words": text.words, "log_probability": text.log_prob, "score": text.score,
              "seed": seed}  # fmt: skip
    return values | {"report": reporter.figures(text.ids)} if reporter else values
