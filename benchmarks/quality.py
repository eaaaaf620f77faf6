"""Quality of networks on the Penn Treebank and on other texts, against Kneser-Ney n-grams.

    python benchmarks/quality.py --models DIR --ptb DIR [--rows stateful,window,ten]
    python benchmarks/quality.py --models DIR --texts TEXT... [--training "--time 10m"]

The directory of --ptb contains train.txt and valid.txt, one sentence per line, rare words as <unk>. Everything is tuned
on valid.txt, interpolation included; test.txt is not used. The last tenth of each of --texts is the test text; tuning
uses the last tenth of the rest. The directory of --models keeps the models and the reports of their training, so a
second run only evaluates. Prints the Markdown tables of results/quality.md; each figure with its command and the time
of the whole process.
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
# model -> options of its training in addition to TEXT_OPTIONS; {models} is the directory of --models
TRAININGS = {
    "stateful": "--min-count 1 --stateful --learning-rate 30 --learning-rate-end 6 --ema 0.9995 --dropout-start 0.2"
    f" --dropout 0.55 --activation-penalty 2 --change-penalty 1 --epochs 27 --ngram 5 --cache {CACHE}",
    "window": "--window 3 --learning-rate 0.004 --learning-rate-end 0.0004 --dropout-start 0.1 --dropout 0.4"
    " --iterations 5000 --ngram 4 --teacher {models}/stateful",
    "ten": "--min-count 1 --stateful --optimizer adamw --dropout 0.2 --time 10m",
}
# Of the Penn Treebank.
TEXT_OPTIONS = "--tokenizer whitespace --eos --seed 1"


@dataclass(frozen=True)
class Figure:
    """One figure of a model of TRAININGS, measured with options of `eval`."""

    what: str
    target: str
    model: str
    options: str = ""
    name: str = "perplexity"  # of the report; "ratio": of its perplexity to that of the longest n-gram


ALONE = "--interpolate off"
FIGURES = [
    Figure("stateful", "76 or less", "stateful", ALONE),
    Figure(f"with a cache of {CACHE:,} words", "68 or less", "stateful", f"{ALONE} --cache {CACHE}"),
    Figure("with n-gram and cache", "", "stateful", f"--cache {CACHE}"),
    Figure("with n-gram, cache and adaptation", "62 or less", "stateful", f"--cache {CACHE} --adapt"),
    Figure("windows of 3 words, taught by the stateful network", "112 or less", "window", ALONE),
    Figure("interpolated with the 4-gram, weights by count", "105 or less", "window", "--cache 0"),
    Figure("the same: top 1", "25.5 % or more", "window", "--cache 0", "top1"),
    Figure("contexts of one word, against the bigram", "1.05 x or less", "window", "--max-context 1", "ratio"),
    Figure("contexts of two words, against the 3-gram", "1.05 x or less", "window", "--max-context 2", "ratio"),
    Figure("stateful, ten minutes from start to end", "112 or less", "ten", ALONE),
]


def penn(directory: Path, models: Path, names: list[str]) -> str:
    """Return the table of the Penn Treebank: trainings, their figures, and the n-gram baselines."""
    text, valid = directory / "train.txt", directory / "valid.txt"
    rows = []
    for name in names:
        options = f"{TEXT_OPTIONS} {TRAININGS[name]}".format(models=models)
        run = trained(models / name, text, "--validation", valid, *shlex.split(options))
        took = f"{run['step']:,} steps, {run['wall'] / 60:.1f} min"
        rows.append([f"**{name}**", "", "", f"`train train.txt --validation valid.txt {options}`: {took}"])
        for figure in FIGURES:
            if figure.model == name:
                more = f" {figure.options}" if figure.options else ""
                figures, seconds = reached(figure, models / name, text, valid)
                rows.append([figure.what, figure.target, figures, f"`eval valid.txt{more}`: {seconds:.0f} s"])
        if name == "window":
            for context in ("1", "2", "3"):
                result = evaluated(models / name, valid, "--max-context", context, "--baseline", "--train-text", text)
                gram = result["baselines"][-1]
                rows.append([f"baseline: {gram['name']}", "", f"{gram['perplexity']:.2f}",
                             f"`eval valid.txt --max-context {context} --baseline --train-text train.txt`: "
                             f"{result['wall']:.0f} s"])  # fmt: skip
    return table(["Penn Treebank, valid.txt", "target", "reached", "command"], rows)


def trained(model: Path, *words: object) -> dict[str, Any]:
    """Return the report of a training from the file next to its directory, or train and write that file."""
    path = model.with_name(f"{model.name}.json")
    if not path.exists():
        path.write_text(json.dumps(report("train", *words, "--model", model)), encoding="utf-8")
    saved: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return saved


def reached(figure: Figure, model: Path, text: Path, valid: Path) -> tuple[str, float]:
    """Return the measured figure, and the seconds of the evaluation."""
    if figure.name == "ratio":
        result = evaluated(model, valid, *shlex.split(figure.options), "--baseline", "--train-text", text)
        own, other = result["perplexity"], result["baselines"][-1]["perplexity"]
        return f"{own / other:.3f} x ({own:.2f} / {other:.2f})", result["wall"]
    result = evaluated(model, valid, *shlex.split(figure.options))
    return (f"{result['top1']:.2%}" if figure.name == "top1" else f"{result[figure.name]:.2f}"), result["wall"]


@functools.cache
def evaluated(model: Path, *options: str | Path) -> dict[str, Any]:
    """Return the report of `eval`; one report has several figures."""
    return report("eval", "--model", model, *options)


def texts(paths: list[Path], models: Path, more: str) -> str:
    """Return the table of other texts, with default settings and `more` options of training."""
    rows = []
    for path in paths:
        name = f"{path.absolute().parent.name}-{path.name.split('.')[0]}"
        training, test = parts(path, models, name)
        run = trained(models / name, training, "--ngram", 4, "--seed", 1, *shlex.split(more))
        alone = evaluated(models / name, test, "--interpolate", "off", "--baseline", "--train-text", training)
        interpolated = evaluated(models / name, test)
        rows.append([
            f"{name} {more}".strip(), f"{alone['eval_settings']['symbols']:,}", f"{run['wall'] / 60:.1f}",
            f"{alone['perplexity']:.1f}", f"{alone['baselines'][-1]['perplexity']:.1f}",
            f"{interpolated['perplexity']:.1f}",
        ])  # fmt: skip
    head = ["text", "vocabulary", "minutes of training", "network alone", "Kneser-Ney 4-gram", "whole predictor"]
    return table(head, rows)


def parts(path: Path, models: Path, name: str) -> tuple[Path, Path]:
    """Return two files: the first nine tenths of a text for training, and the last for the test."""
    training, test = models / f"{name}-training.txt", models / f"{name}-test.txt"
    if not test.exists():
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        cut = data.index(b"\n", len(data) * 9 // 10) + 1
        training.write_bytes(data[:cut])
        test.write_bytes(data[cut:])
    return training, test


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--ptb", type=Path)
    parser.add_argument("--rows", default=",".join(TRAININGS))
    parser.add_argument("--texts", type=Path, nargs="*", default=[])
    parser.add_argument("--training", default="", help="options of the trainings of --texts")
    options = parser.parse_args()
    options.models.mkdir(parents=True, exist_ok=True)
    print(f"\n{machine()}\n")
    if options.ptb:
        print(penn(options.ptb, options.models, options.rows.split(",")), flush=True)
    if options.texts:
        print(texts(options.texts, options.models, options.training), flush=True)


if __name__ == "__main__":
    main()
