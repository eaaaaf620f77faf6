"""`rnnwords export`: write a trained model as a file that other programs open."""

from pathlib import Path
from typing import Any

import click
from click import Choice

from rnnwords.cli.help import command
from rnnwords.cli.models import find_model, load_predictor
from rnnwords.cli.options import PATH, model_option, option, options, output_options
from rnnwords.cli.output.json_output import print_json
from rnnwords.cli.output.notes import note, notes
from rnnwords.export.formats import NAMES, NETWORK, NGRAM


@command(
    epilog="""
    \b
    Examples:
      rnnwords export story.html
      rnnwords export story.onnx --model models/story
    """
)
@click.argument("out", type=PATH)
@options(
    model_option,
    option("--format", Choice(NAMES), "Format of the file.  [default: by the ending of OUT]"),
    option("--weights", Choice(("int8", "float16")), "Numbers of an HTML page: int8 is half as large as float16, and "
           "less exact.  [default: int8, or float16 for a model that int8 changes too much]"),
    option("--name", str, "Name of the model on an HTML page.  [default: that of its run directory]"),
    output_options,
)  # fmt: skip
def export(out: Path, model: Path | None, format: str | None, as_json: bool, quiet: bool, **settings: Any) -> None:
    """Write a model as a file for other programs: Keras, ONNX, ARPA, plain arrays, or an HTML page.

    The ending of OUT chooses the format: .keras, .onnx, .arpa (the n-gram of the model), .safetensors (arrays) or
    .html (a page to write in, which works offline). An existing file is replaced.

    Before the file is put in place, it is opened again, and its predictions after 100 contexts are compared with those
    of predict. The largest difference is printed. A file that differs is not kept. docs/export.md describes each
    format.
    """
    from rnnwords.export.exporter import check_target
    from rnnwords.export.exporter import export as export_model
    from rnnwords.model_file import FILE_NAME

    given = {name: value for name, value in settings.items() if value is not None}
    kind = check_target(out, format, given)
    path = find_model(model, quiet)
    predictor = load_predictor(path, quiet, {"interpolate": "off"}, low_memory=True)
    if "name" in kind.settings:
        given.setdefault("name", path.absolute().parent.name if path.name == FILE_NAME else path.stem)
    report = export_model(predictor, out, format, **given)
    if as_json:
        print_json({
            "file": str(report.path), "format": report.format, "part": report.part, "bytes": report.bytes,
            "contexts": report.contexts, "largest_difference": report.largest_difference,
            "tolerance": report.tolerance, "relative": report.relative,
        })  # fmt: skip
    from rnnwords.lm.loading import is_network_alone

    alone = is_network_alone(predictor.model)
    if report.part == NETWORK and not alone:
        notes(["the network alone is exported, as with `interpolate` off; predictions use more by default"], quiet)
    difference = f"{report.largest_difference:.1g}"
    if report.relative:
        difference = f"{report.largest_difference:.1%} of the best word's probability"
    if report.exact:
        note("int8 changes a probability by more than 2 % of the best word's; the page has float16 weights", quiet)
    reference = "`predict`" if alone else "`predict --interpolate off`"
    reference = "the n-gram of the model" if report.part == NGRAM else reference
    note(
        f"wrote {report.path}: {report.bytes:,} bytes; largest difference from {reference}: {difference} over "
        f"{report.contexts} contexts",
        quiet,
    )
