"""Quality, measured: networks on the Penn Treebank, and on texts as they come, against Kneser-Ney n-grams.

    python benchmarks/quality.py --models DIR --ptb DIR [--rows window,stateful,ten]
    python benchmarks/quality.py --models DIR --texts TEXT... [--training "--time 10m"]

The directory of --ptb holds train.txt and valid.txt, one sentence a line, rare words as <unk>. Everything is tuned on
valid.txt, blending too; test.txt is not looked at. Of each of --texts the last tenth is cut off and judges; what is
tuned is tuned on the last tenth of the rest. Models stay in the directory of --models, each with the report of its
training: a second run only judges them. Prints Markdown tables for results/figures-4-quality.md; each figure with the
command that gives it and the time from its start to its end.
"""

import argparse
import functools
import gzip
import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import machine, report, table

CACHE = 2_000  # words
# model -> options of its training beside the text's own
TRAININGS = {
    "window": "--window 3 --layers 1 --learning-rate 0.004 --learning-rate-end 0.0004 --ema 0.999 --dropout-start 0.2"
    " --dropout 0.6 --time 35m --calibrate --ngram 4",
    "stateful": "--stateful --learning-rate 30 --learning-rate-end 9 --ema 0.9995 --dropout-start 0.2 --dropout 0.55"
    f" --time 99m --calibrate --ngram 5 --cache {CACHE}",
    "ten": "--stateful --optimizer adamw --dropout 0.2 --time 10m",
}
ALIKE = "--tokenizer whitespace --eos --min-count 1 --seed 1"  # the terms of the Penn Treebank


@dataclass(frozen=True)
class Figure:
    """One figure that is asked: of a model of TRAININGS, by options of `eval`."""

    what: str
    asked: str
    model: str
    options: str = ""
    name: str = "perplexity"  # of the report; "ratio": of its perplexity to that of the longest n-gram


FIGURES = [
    Figure("window of 3 words", "138 or less", "window"),
    Figure("the same: top 1", "23.5 % or more", "window", "", "top1"),
    Figure("blended with the 4-gram by one fixed weight", "114 or less", "window", "--blend fixed"),
    Figure("the same: top 1", "25.5 % or more", "window", "--blend fixed", "top1"),
    Figure("blended by how often the 4-gram saw the context", "", "window", "--blend count"),
    Figure("contexts of one word, against the bigram", "1.05 x or less", "window", "--context 1", "ratio"),
    Figure("contexts of two words, against the 3-gram", "1.05 x or less", "window", "--context 2", "ratio"),
    Figure("stateful", "80 or less", "stateful"),
    Figure(f"with a cache of {CACHE:,} words", "76 or less", "stateful", f"--cache {CACHE}"),
    Figure("with n-gram and cache", "73 or less", "stateful", f"--blend auto --cache {CACHE}"),
    Figure("stateful, ten minutes from start to end", "112 or less", "ten"),
]


def penn(directory: Path, models: Path, names: list[str]) -> str:
    """The Penn Treebank: trainings, the figures asked of them, and the n-grams beside them."""
    text, valid = directory / "train.txt", directory / "valid.txt"
    rows = []
    for name in names:
        options = f"{ALIKE} {TRAININGS[name]}"
        run = trained(models / name, text, "--valid", valid, *shlex.split(options))
        took = f"{run['step']:,} steps, {run['wall'] / 60:.1f} min"
        rows.append([f"**{name}**", "", "", f"`train train.txt --valid valid.txt {options}`: {took}"])
        for figure in FIGURES:
            if figure.model == name:
                more = f" {figure.options}" if figure.options else ""
                figures, seconds = reached(figure, models / name, text, valid)
                rows.append([figure.what, figure.asked, figures, f"`eval valid.txt{more}`: {seconds:.0f} s"])
        if name == "window":
            for context in ("1", "2", "3"):
                found = judged(models / name, valid, "--context", context, "--baseline", "--train-text", text)
                gram = found["baselines"][-1]
                rows.append([f"beside it: {gram['name']}", "", f"{gram['perplexity']:.2f}",
                             f"`eval valid.txt --context {context} --baseline --train-text train.txt`: "
                             f"{found['wall']:.0f} s"])  # fmt: skip
    return table(["Penn Treebank, valid.txt", "asked", "reached", "by"], rows)


def trained(model: Path, *words: object) -> dict[str, Any]:
    """The report of a training, which is kept beside its directory, and comes from there if it is done."""
    kept = model.with_name(f"{model.name}.json")
    if not kept.exists():
        kept.write_text(json.dumps(report("train", *words, "--model", model)), encoding="utf-8")
    found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
    return found


def reached(figure: Figure, model: Path, text: Path, valid: Path) -> tuple[str, float]:
    """The figure as measured, and the seconds that it took."""
    if figure.name == "ratio":
        found = judged(model, valid, *shlex.split(figure.options), "--baseline", "--train-text", text)
        own, other = found["perplexity"], found["baselines"][-1]["perplexity"]
        return f"{own / other:.3f} x ({own:.2f} / {other:.2f})", found["wall"]
    found = judged(model, valid, *shlex.split(figure.options))
    return (f"{found['top1']:.2%}" if figure.name == "top1" else f"{found[figure.name]:.2f}"), found["wall"]


@functools.cache
def judged(model: Path, *options: str | Path) -> dict[str, Any]:
    """The report of `eval`; several figures come from one."""
    return report("eval", "--model", model, *options)


def texts(paths: list[Path], models: Path, more: str) -> str:
    """Texts as they come, with defaults and `more` options for the training."""
    rows = []
    for path in paths:
        name = f"{path.absolute().parent.name}-{path.name.split('.')[0]}"
        learned, kept = halves(path, models, name)
        run = trained(models / name, learned, "--ngram", 4, "--seed", 1, *shlex.split(more))
        alone = judged(models / name, kept, "--baseline", "--train-text", learned)
        blended = judged(models / name, kept, "--blend", "auto")
        rows.append([
            f"{name} {more}".strip(), f"{alone['protocol']['symbols']:,}", f"{run['wall'] / 60:.1f}",
            f"{alone['perplexity']:.1f}", f"{alone['baselines'][-1]['perplexity']:.1f}", f"{blended['perplexity']:.1f}",
        ])  # fmt: skip
    head = ["text", "symbols", "minutes of training", "network alone", "Kneser-Ney 4-gram", "`--blend auto`"]
    return table(head, rows)


def halves(path: Path, models: Path, name: str) -> tuple[Path, Path]:
    """Two files: the first nine tenths of the lines of a text, to learn from, and the last, which judges."""
    learned, kept = models / f"{name}-learned.txt", models / f"{name}-kept.txt"
    if not kept.exists():
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        cut = data.index(b"\n", len(data) * 9 // 10) + 1
        learned.write_bytes(data[:cut])
        kept.write_bytes(data[cut:])
    return learned, kept


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--ptb", type=Path)
    parser.add_argument("--rows", default=",".join(TRAININGS))
    parser.add_argument("--texts", type=Path, nargs="*", default=[])
    parser.add_argument("--training", default="", help="more options for the trainings of --texts")
    options = parser.parse_args()
    options.models.mkdir(parents=True, exist_ok=True)
    print(f"\n{machine()}\n")
    if options.ptb:
        print(penn(options.ptb, options.models, options.rows.split(",")), flush=True)
    if options.texts:
        print(texts(options.texts, options.models, options.training), flush=True)


if __name__ == "__main__":
    main()
