"""What a model of other texts is worth for a short new text: `train --from` against training on the new text alone.

    python benchmarks/continuation.py OTHERS --work DIR --time 30m TEXT... >> benchmarks/results/continuation.md

Trains a base model on OTHERS. Then, for the first --words words of each TEXT, it trains a model on these alone, and one
that continues from the base model. All three are evaluated on the --test words that follow. Their vocabularies differ,
so an unknown word costs the probability of <unk> and that of its spelling, by one letter model of the words of OTHERS
for all three; see rnnwords.lm.spelling. The directory of --work keeps texts and models: a second run only evaluates.
"""

import argparse
import math
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine, table

from rnnwords.config import InterpolationConfig, TextConfig
from rnnwords.lm.interface import LanguageModel
from rnnwords.lm.loading import interpolated, network_model
from rnnwords.lm.spelling import SpellingModel
from rnnwords.model_file import Model
from rnnwords.text.tokens.tokenizer import tokenize

BATCH = 256  # words scored at a time
MODELS = ("base model alone", "new text alone", "base model, then new text")


def main() -> None:
    """Train what is missing, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("others", type=Path, help="text of the base model, by other authors")
    parser.add_argument("texts", type=Path, nargs="+", help="new texts")
    parser.add_argument("--work", type=Path, required=True, help="directory of texts and models")
    parser.add_argument("--words", type=int, default=10_000)
    parser.add_argument("--test", type=int, default=20_000)
    parser.add_argument("--time", default="30m", help="of the training of the base model")
    parser.add_argument("--base", type=Path, help="trained base model, instead of training one")
    parser.add_argument("--base-options", default="", help="options of the training of the base model")
    parser.add_argument("--alone-options", default="", help="options of the training on the new text alone")
    parser.add_argument("--options", default="", help="options of the training that continues")
    options = parser.parse_args()
    base = options.base or options.work / "base"
    if options.base is None:
        train(options.others, base, f"--time {options.time} {options.base_options}")
    letters = SpellingModel.train(Counter(words_of(options.others)), ())
    if letters is None:
        raise SystemExit(f"{options.others}: expected words, found none")
    rows = []
    for text in options.texts:
        new, test = split(text, options.work, options.words, options.test)
        alone, continued = (options.work / f"{text.stem}-{kind}" for kind in ("alone", "continued"))
        train(new, alone, options.alone_options)
        train(new, continued, f"--from {shlex.quote(str(base))} {options.options}")
        figures = [figures_of(model, test, letters) for model in (base, alone, continued)]
        for name, own in zip(MODELS, figures, strict=True):
            change = own["predictor"] / figures[1]["predictor"] - 1
            rows.append([
                text.stem, name, f"{own['tokens']:,}", f"{own['unknown']:.1%}", f"{own['network']:.1f}",
                f"{own['predictor']:.1f}", f"{own['bits']:.3f}", f"{change:+.0%}",
            ])  # fmt: skip
    head = ["text", "model", "tokens", "unknown", "perplexity of the network", "of the whole predictor",
            "bits per character", "against the new text alone"]  # fmt: skip
    command = shlex.join(["python", "benchmarks/continuation.py", *sys.argv[1:]])
    print(f"{machine()}\n\n`{command}`\n\n{table(head, rows)}\n")


def train(text: Path, model: Path, options: str) -> None:
    """Train a model unless it is complete; the options may continue from another one."""
    command = [sys.executable, "-m", "rnnwords", "train", str(text), "--model", str(model), "--seed", "1", "--quiet"]
    subprocess.run([*command, *shlex.split(options)], check=True)


def words_of(path: Path) -> list[str]:
    """Return the words of a text, with the default text settings."""
    return tokenize(path.read_text(encoding="utf-8"), TextConfig())


def split(text: Path, work: Path, words: int, test: int) -> tuple[Path, list[str]]:
    """Return a file with the first words of a text, and the words for the test after them."""
    work.mkdir(parents=True, exist_ok=True)
    chunks = list(_chunks(text.read_text(encoding="utf-8")))
    count, end = 0, 0
    while end < len(chunks) and count + len(tokenize(chunks[end], TextConfig())) <= words:
        count += len(tokenize(chunks[end], TextConfig()))
        end += 1
    new = work / f"{text.stem}.txt"
    new.write_text("".join(chunks[:end]), encoding="utf-8")
    return new, tokenize("".join(chunks[end:]), TextConfig())[:test]


def _chunks(text: str) -> Iterator[str]:
    """Yield the parts of a text between white space, each with the white space after it."""
    for line in text.splitlines(keepends=True):
        yield from line.replace(" ", " \0").split("\0")


def figures_of(path: Path, words: Sequence[str], letters: SpellingModel) -> dict[str, Any]:
    """Return perplexities of network and predictor, bits per character, tokens, and the share of unknown words."""
    model = Model.load(path / "model.safetensors")
    network = network_model(model)
    losses = {
        "network": losses_of(network, words, letters),
        "predictor": losses_of(interpolated(network, model, InterpolationConfig("auto")), words, letters),
    }
    characters = sum(len(word) + 1 for word in words)  # with one space or line end after each
    bits = float(losses["predictor"].sum()) / math.log(2) / characters
    unknown = float(np.mean([word not in model.vocabulary.ids for word in words]))
    perplexities = {name: math.exp(loss.mean()) for name, loss in losses.items()}
    return {**perplexities, "bits": bits, "unknown": unknown, "tokens": len(model.vocabulary)}


def losses_of(lm: LanguageModel[Any], words: Sequence[str], letters: SpellingModel) -> Any:
    """Return the nats (N,) that each word costs, an unknown one with its spelling."""
    ids = np.array(lm.vocabulary.encode(words))
    state, parts = lm.initial_state(), []
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        states = [state, *lm.advance_each(state, batch.tolist())]
        state = states.pop()
        parts.append(lm.log_probs(states)[np.arange(len(batch)), batch].astype(np.float64))
    losses = -np.concatenate(parts)
    unknown = np.array([word not in lm.vocabulary.ids for word in words])
    losses[unknown] -= letters.log_probs([word for word in words if word not in lm.vocabulary.ids])
    return losses


if __name__ == "__main__":
    main()
