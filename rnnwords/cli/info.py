"""`rnnwords info`: the contents of a model file."""

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rnnwords.cli.help import command
from rnnwords.cli.models import find_model
from rnnwords.cli.options import model_option, options, output_options
from rnnwords.cli.output.json_output import print_json
from rnnwords.cli.output.terminal import columns, safe, short_word

if TYPE_CHECKING:
    from rnnwords.model_file import Model


@command()
@options(model_option, output_options)
def info(model: Path | None, as_json: bool, quiet: bool) -> None:
    """Show layers, vocabulary, settings and training record of a model, and verify its checksum.

    \b
    Example:
      rnnwords info --model models/story
    """
    from rnnwords.model_file import Model

    path = find_model(model, quiet)
    loaded = Model.load(path)  # verifies the checksum
    weights = sum(math.prod(shape) for shape in loaded.network.shapes().values())
    report: dict[str, Any] = {
        "model": str(path), "bytes": path.stat().st_size, "digest": "ok", "network": loaded.network.to_json(),
        "text": loaded.vocabulary.text.to_json(), "vocabulary": loaded.vocabulary.report(), "weights": weights,
        "layers": loaded.network.layer_table(), "training": loaded.training,
        "series": loaded.series.to_json() if loaded.series else None,
        "interpolation": loaded.interpolation.to_json() if loaded.interpolation else None,
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
        from rnnwords.forecasting.digits import value_text

        scaled = f"{value_text(series.low, series.span)} to {value_text(series.high, series.span)} scaled to 0 to 1"
        click.echo(f"\nnumbers     column {safe(series.column)}, {vocabulary['words']:,} values; {scaled}")
    else:
        frequent = " ".join(short_word(word, columns(sys.stdout)) for word in loaded.vocabulary.words[:10])
        tokens = f"{vocabulary['symbols']:,} tokens of {vocabulary['words']:,} words"
        click.echo(f"\nvocabulary  {tokens}; most frequent: {frequent}")
        click.echo("text        " + ", ".join(f"{name} {value}" for name, value in report["text"].items()))
    if ngram := report["ngram"]:
        content = f"{ngram['ngrams']:,} n-grams of up to {ngram['order']} words"
        click.echo(f"n-gram      {content}, {ngram['bytes']:,} bytes; used with --interpolate")
    for name, value in loaded.training.items():
        shown = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
        click.echo(f"{name:<10}  {safe(str(shown))}")


def _ngram(model: "Model") -> dict[str, int] | None:
    """Return order, number and bytes of the n-grams of a model, read and verified; None if it has none."""
    if model.ngram is None:
        return None
    from rnnwords.lm.parts import ngram_model

    kneser_ney = ngram_model(model).kneser_ney
    return {"order": kneser_ney.order, "ngrams": kneser_ney.size, "bytes": model.ngram.size}
