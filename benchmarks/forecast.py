"""Stock prices of the tutorials: the plot and the tables in benchmarks/results.

    python benchmarks/forecast.py Google_Stock_Price_Train.csv Google_Stock_Price_Test.csv benchmarks/results
    python benchmarks/forecast.py --tune Google_Stock_Price_Train.csv

The first form trains `rnnwords forecast` with its defaults on one file and tests it on the other, one run per seed. The
second shows how the defaults were chosen: one setting changed at a time, tested on the last tenth of the training file.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from machine import machine, table

COLUMN = "Open"
SEEDS = (1, 2, 3)
ROWS = (
    "",
    "--epochs 50",
    "--epochs 200",
    "--learning-rate 0.001",
    "--learning-rate 0.01",
    "--batch-size 16",
    "--batch-size 64",
    "--dropout 0",
    "--layers 1",
    "--layers 2",
    "--window 20",
    "--cell gru",
)


def main() -> None:
    """Run one of the two forms."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", help="TRAIN TEST RESULTS, or TRAIN with --tune")
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--rows", nargs="*", default=ROWS, help="options of each row")
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS)
    parser.add_argument("--runs", type=Path, help="directory that keeps the runs; complete runs in it are reused")
    options = parser.parse_args()
    if options.tune:
        tune(options.files[0], options.rows, options.seeds)
    else:
        with tempfile.TemporaryDirectory() as directory:
            report(*options.files, options.seeds, options.runs or Path(directory))


def forecast(run: Path, *arguments: str | Path) -> dict[str, Any]:
    """Return the report of a run in this directory."""
    command = [sys.executable, "-m", "rnnwords", "forecast", *map(str, arguments), "--column", COLUMN]
    done = subprocess.run([*command, "--model", run, "--json", "--quiet"], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def figures(errors: dict[str, float]) -> list[str]:
    """Return RMSE and MAE as table cells."""
    return [f"{errors['rmse']:.2f}", f"{errors['mae']:.2f}"]


def tune(train: Path, rows: list[str], seeds: list[int]) -> None:
    """Print one row per setting and seed, when it is complete."""
    print(f"\n{train.name}, column {COLUMN}, the last tenth as test part; {machine()}\n")
    print(table(["setting", "seed", "seconds", "RMSE", "MAE", "naive RMSE", "naive MAE"], []), flush=True)
    for row in rows:
        for seed in seeds:
            with tempfile.TemporaryDirectory() as directory:
                result = forecast(Path(directory) / "run", train, *shlex.split(row), "--seed", str(seed))
            cells = [row or "defaults", str(seed), f"{result['seconds']:.0f}"]
            cells += figures(result["test"]["network"]) + figures(result["test"]["naive"])
            print("| " + " | ".join(cells) + " |", flush=True)


def report(train: Path, test: Path, results: Path, seeds: list[int], runs: Path) -> None:
    """Write forecast.png (of the first seed) and forecast.md."""
    rows, days = [], []
    for seed in seeds:
        plot = ["--plot", results / "forecast.png"] if seed == seeds[0] else []
        result = forecast(runs / f"seed-{seed}", train, "--test", test, "--seed", str(seed), *plot)
        rows.append([f"network, seed {seed}", *figures(result["test"]["network"]), f"{result['seconds']:.0f}"])
        if plot:
            naive = ["naive forecast", *figures(result["test"]["naive"]), ""]
            days = [[day["when"], f"{day['real']:.2f}", f"{day['forecast']:.2f}"] for day in result["forecasts"]]
    arguments = f"{train.name} --column {COLUMN} --test {test.name} --seed {seeds[0]} --plot forecast.png"
    text = f"""# Opening prices of January 2017

`rnnwords forecast {arguments}`; {machine()}.
Each of the {len(days)} days is forecast one step ahead from the 60 real prices before it. The settings were chosen on
the training file alone ([forecast-settings.md](forecast-settings.md)).

{table(["forecast", "RMSE", "MAE", "seconds of training"], [naive, *rows])}

![Real and forecast prices](forecast.png)

Seed {seeds[0]}, day by day:

{table(["day", "real", "forecast"], days)}
"""
    (results / "forecast.md").write_text(text)


if __name__ == "__main__":
    main()
