"""`rnnwords info`: what is in a model file."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rnnwords.cli.options import find_model, json_option, model_option, print_json, quiet_option
from rnnwords.cli.output.terminal import safe

if TYPE_CHECKING:
    from rnnwords.model_file import Model


@click.command()
@model_option
@json_option
@quiet_option
def info(model: Path | None, as_json: bool, quiet: bool) -> None:
    """Show a model's layers, vocabulary, settings and training record; check its digest.

    \b
    Example:
      rnnwords info --model models/story
    """
    from rnnwords.model_file import Model

    path = find_model(model, quiet)
    loaded = Model.load(path)  # which checks the digest
    weights = sum(math.prod(shape) for shape in loaded.network.shapes().values())
    report: dict[str, Any] = {
        "model": str(path), "bytes": path.stat().st_size, "digest": "ok", "network": loaded.network.to_json(),
        "text": loaded.vocabulary.text.to_json(), "vocabulary": loaded.vocabulary.report(), "weights": weights,
        "layers": loaded.network.layer_table(), "training": loaded.training,
        "series": loaded.series.to_json() if loaded.series else None,
        "mixture": loaded.mixture.to_json() if loaded.mixture else None,
        "ngram": _ngram(loaded),
    }  # fmt: skip
    if as_json:
        print_json(report)
        return
    click.echo(f"{safe(str(path))}: {report['bytes']:,} bytes, digest ok\n")
    rows = [("layer", "output shape", "parameters")]
    rows += [(row["layer"], "(" + ", ".join(str(n or "batch") for n in row["shape"]) + ")", f"{row['parameters']:,}")
             for row in report["layers"]]  # fmt: skip
    rows.append(("total", "", f"{weights:,}"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for name, shape, count in rows:
        click.echo(f"{name:<{widths[0]}}  {shape:<{widths[1]}}  {count:>{widths[2]}}")
    vocabulary = report["vocabulary"]
    if series := loaded.series:
        scaled = f"{series.low:,g} to {series.high:,g} scaled to 0 to 1"
        click.echo(f"\nnumbers     column {safe(series.column)}, {vocabulary['words']:,} values; {scaled}")
    else:
        common = safe(" ".join(loaded.vocabulary.words[:10]))
        symbols = f"{vocabulary['symbols']:,} symbols of {vocabulary['words']:,} words"
        click.echo(f"\nvocabulary  {symbols}; commonest: {common}")
        click.echo("text        " + ", ".join(f"{name} {value}" for name, value in report["text"].items()))
    if found := report["ngram"]:
        held = f"{found['ngrams']:,} n-grams of up to {found['order']} words"
        click.echo(f"n-gram      {held}, {found['bytes']:,} bytes; blended in with --blend")
    for name, value in loaded.training.items():
        shown = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
        click.echo(f"{name:<10}  {safe(str(shown))}")


def _ngram(model: "Model") -> dict[str, int] | None:
    """Order, n-grams and bytes of the n-gram beside the network, read and verified."""
    if model.ngram is None:
        return None
    from rnnwords.lm.loading import ngram_of

    found = ngram_of(model)
    return {"order": found.order, "ngrams": found.size, "bytes": model.ngram.size}
