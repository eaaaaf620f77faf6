"""Export of trained models in every format: size, largest difference from `predict`, time and memory.

    python benchmarks/export.py MODEL... [--formats arpa arrays]

A model is a run directory or a model file. Each export is a process of its own that writes to a temporary directory; it
compares the probabilities after 100 contexts itself. Prints a Markdown table per model; a format that a model or the
installed packages do not allow has the reason in its row.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from machine import machine, run_json, table

FILES = {
    "keras": ("model.keras",), "onnx": ("model.onnx",), "arpa": ("model.arpa",), "arrays": ("model.safetensors",),
    "html": ("model.html", "--weights", "float16"), "html, int8": ("model.html", "--weights", "int8"),
}  # fmt: skip
MEASURE = """
import json, resource, subprocess, sys, time
begun = time.perf_counter()
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
report = json.loads(done.stdout) if done.returncode == 0 else {"error": done.stderr.splitlines()[-1]}
report["seconds"] = time.perf_counter() - begun
report["peak"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(json.dumps(report))
"""


def row(model: Path, name: str, directory: Path) -> list[str]:
    """Return the row of one format."""
    file, *options = FILES[name]
    command = (sys.executable, "-m", "rnnwords", "export", directory / file, "--model", model, *options)
    report = run_json(sys.executable, "-c", MEASURE, *command, "--json", "--quiet")
    if "error" in report:
        return [name, "", "", "", "", "", report["error"].removeprefix("Error: ")]
    return [
        name, report["part"], f"{report['bytes'] / 1e6:,.1f} MB",
        f"{report['largest_difference']:.1e}", f"{report['seconds']:.1f} s", f"{report['peak']:,.0f} MB", "",
    ]  # fmt: skip


def describe(info: dict[str, Any]) -> str:
    """Return one line about a model, from what `info` reports."""
    network, ngram = info["network"], info["ngram"]
    kind = "stateful" if network["mode"] == "stateful" else f"window {network['window']}"
    line = f"{network['layers']} x {network['cell']} {network['units']}, {network['vocabulary_size']:,} tokens, {kind}"
    line += f", model file {info['bytes'] / 1e6:,.1f} MB"
    return f"{line}, {ngram['order']}-gram of {ngram['ngrams']:,} n-grams" if ngram else line


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", metavar="MODEL", type=Path, nargs="+")
    parser.add_argument("--formats", choices=FILES, nargs="+", default=list(FILES))
    options = parser.parse_args()
    print(machine())
    for model in options.models:
        with tempfile.TemporaryDirectory() as directory:
            rows = [row(model, name, Path(directory)) for name in options.formats]
        about = run_json(sys.executable, "-m", "rnnwords", "info", "--model", model, "--json", "--quiet")
        print(f"\n{describe(about)}\n")
        print(table(["format", "part", "file", "largest difference", "seconds", "peak memory", "note"], rows))


if __name__ == "__main__":
    main()
