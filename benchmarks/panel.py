"""Default settings on a panel of eight texts, against other settings at equal cost, and against Kneser-Ney of order 5.

    python benchmarks/panel.py --corpora DIR --work DIR [--jobs N] [--time-limit SECONDS] > benchmarks/results/panel.md

Makes the texts of panel_texts.py, once, in the folder texts of the work directory; without --corpora they must exist.
A job trains one model and evaluates it on the last tenth of its text; --jobs of them run at a time, each on one core,
in the order of `SETTINGS`. Its result is a file in the folder results of the work directory, and a job with a result is
not repeated; one that the time limit stops goes on from its checkpoint the next time. Prints the tables of all results.

Cost is steps x batch x weights. Every setting of a text has the cost of its plain defaults.
"""

import argparse
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from machine import machine, table
from panel_texts import SOURCES, TEXT_SETTINGS, make_texts

from rnnwords.config import TextConfig
from rnnwords.training.plan import Plan, make_plan
from rnnwords.training.settings.request import NETWORK_DEFAULTS, TrainRequest

PLAIN = "plain"
# name -> settings that differ from the defaults, as the library names them; the most important ones first
SETTINGS: dict[str, dict[str, Any]] = {
    PLAIN: {},
    "256 units": {"units": 256, "embedding": 128, "dropout": 0.6},
    "two layers": {"layers": 2, "embedding": 512, "dropout": 0.5, "ema": 0.0},  # the defaults before the panel
    "min-count 3": {"min_count": 3},
    "dropout to 0.7": {"dropout_start": 0.2, "dropout": 0.7},
    "rate 0.002": {"learning_rate": 0.002},
    "embedding 512": {"embedding": 512},
    "two layers, averaged": {"layers": 2, "embedding": 512},
}
REQUEST_FIELDS = ("min_count", "max_size")
BASELINE_ORDER = 5
EXIT_SECONDS = 10  # that a stopped training may take to save its checkpoint


def request_of(work: Path, text: str, settings: dict[str, Any], directory: Path) -> TrainRequest:
    """Return the training of a text with these settings."""
    network = {name: value for name, value in settings.items() if name in NETWORK_DEFAULTS}
    limits = {name: value for name, value in settings.items() if name in REQUEST_FIELDS}
    training = {name: value for name, value in settings.items() if name not in network and name not in limits}
    config = TextConfig(**TEXT_SETTINGS.get(text, {}))
    corpus = [work / "texts" / f"{text}.train.txt"]
    return TrainRequest(corpus, directory, config, network, training, seed=1, **limits)


def plan_of(work: Path, text: str, settings: dict[str, Any]) -> Plan:
    """Return the complete settings of a training, without training."""
    with tempfile.TemporaryDirectory() as directory:
        return make_plan(request_of(work, text, settings, Path(directory)), print)


def steps_of(plan: Plan) -> int:
    """Return the number of steps of a training with a budget of epochs."""
    windows, batch = plan.prepared.words - plan.network.window, plan.training.batch_size or 1
    return (plan.training.epochs or 1) * -(-windows // batch)


def cost_per_step(plan: Plan) -> int:
    """Return batch x weights."""
    return (plan.training.batch_size or 1) * plan.network.weight_count


def iterations(plain: Plan, plan: Plan) -> int:
    """Return the number of steps of a plan that cost as much as the plain defaults."""
    return round(steps_of(plain) * cost_per_step(plain) / cost_per_step(plan))


def run_job(work: Path, text: str, setting: str) -> None:
    """Train and evaluate, and write the result."""
    settings = dict(SETTINGS[setting])
    plain, plan = plan_of(work, text, {}), plan_of(work, text, settings)
    if setting != PLAIN:
        settings["iterations"] = iterations(plain, plan)
    options = _options(TEXT_SETTINGS.get(text, {}) | settings)
    training, test = (work / "texts" / f"{text}.{part}.txt" for part in ("train", "test"))
    model = work / "models" / file_name(text, setting)
    begun = time.monotonic()
    trained = rnnwords("train", training, "--model", model, "--seed", 1, *options)
    seconds = time.monotonic() - begun
    predictor = rnnwords("eval", test, "--model", model, "--interpolate", "auto")
    baseline = ["--baseline", "--baseline-order", BASELINE_ORDER, "--train-text", training]
    network = rnnwords("eval", test, "--model", model, "--interpolate", "off", *baseline)
    result = {
        "text": text, "setting": setting, "options": " ".join(options), "machine": machine(),
        "words": plan.prepared.words, "test_words": network["words"], "tokens": len(plan.prepared.vocabulary),
        "weights": plan.network.weight_count, "batch_size": plan.training.batch_size, "seconds": round(seconds),
        "trained": trained, "predictor": predictor, "network": network, "kneser_ney": network["baselines"][-1],
    }  # fmt: skip
    path = work / "results" / f"{file_name(text, setting)}.json"
    path.with_suffix(".part").write_text(json.dumps(result), encoding="utf-8")
    path.with_suffix(".part").rename(path)


def _options(settings: dict[str, Any]) -> list[str]:
    """Return settings as command-line options."""
    flags = {f"--{name.replace('_', '-')}": value for name, value in settings.items()}
    return [word for flag, value in flags.items() for word in ([flag] if value is True else [flag, str(value)])]


def file_name(text: str, setting: str) -> str:
    """Return the name of the files of a job."""
    return f"{text}.{setting.replace(' ', '-')}"


def rnnwords(*words: object) -> dict[str, Any]:
    """Return the JSON of a command. On SIGTERM the command gets it too, since both are in one process group."""
    command = [sys.executable, "-m", "rnnwords", *map(str, words), "--json", "--quiet"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    printed: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return printed


def run_jobs(work: Path, jobs: list[tuple[str, str]], count: int, limit: float) -> None:
    """Run jobs, `count` at a time, each on one core, until the time limit."""
    waiting: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    end = time.monotonic() + limit
    cores = sorted(os.sched_getaffinity(0))
    workers = [
        threading.Thread(target=_worker, args=(work, waiting, end, cores[number % len(cores)]))
        for number in range(count)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def _worker(work: Path, waiting: "queue.SimpleQueue[tuple[str, str]]", end: float, core: int) -> None:
    threads = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}
    while time.monotonic() < end:
        try:
            text, setting = waiting.get_nowait()
        except queue.Empty:
            return
        command = [sys.executable, __file__, "--work", str(work), "--job", text, setting, "--core", str(core)]
        with (work / "logs" / f"{file_name(text, setting)}.txt").open("w", encoding="utf-8") as log:
            process = subprocess.Popen(
                command, env={**os.environ, **threads}, stdout=log, stderr=log, start_new_session=True
            )
            begun = time.monotonic()
            try:
                process.wait(max(1.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                _stop(process)
        seconds = time.monotonic() - begun
        print(f"{text}, {setting}: exit status {process.returncode}, {seconds:.0f} s", file=sys.stderr, flush=True)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Stop a job and the command that it runs: a training saves a checkpoint first."""
    os.killpg(process.pid, signal.SIGTERM)
    time.sleep(EXIT_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def tables(results: list[dict[str, Any]]) -> str:
    """Return the tables of all results."""
    by_text: dict[str, dict[str, dict[str, Any]]] = {text: {} for text in SOURCES}
    for result in results:
        by_text[result["text"]][result["setting"]] = result
    texts = [text for text in SOURCES if by_text[text]]
    head = [
        "text", "words of training and test", "vocabulary", "network alone", "whole predictor",
        f"Kneser-Ney {BASELINE_ORDER}-gram", "best of this vocabulary", "plain against it",
        "bits per character", f"of Kneser-Ney {BASELINE_ORDER}-gram", "best", "plain against it",
    ]  # fmt: skip
    rows = [_row(text, by_text[text]) for text in texts if PLAIN in by_text[text]]
    used = [name for name in SETTINGS if any(name in by_text[text] for text in texts)]
    cells = [[name, *(_cell(by_text[text].get(name)) for text in texts)] for name in used]
    options = [[name, f"`{' '.join(_options(SETTINGS[name]))}`" if SETTINGS[name] else ""] for name in used]
    return "\n\n".join([
        "Plain defaults: perplexities, then bits per character", table(head, rows),
        "All settings: bits per character of the whole predictor (perplexity of the network alone, of the predictor)",
        table(["setting", *texts], cells), table(["setting", "options of `train`"], options),
    ])  # fmt: skip


def _row(text: str, results: dict[str, dict[str, Any]]) -> list[str]:
    """Return a row of the first table. Perplexities are only compared for equal vocabularies."""
    plain = results[PLAIN]
    alike = [result for result in results.values() if result["tokens"] == plain["tokens"]]
    by_perplexity, by_bits = min(alike, key=_perplexity), min(results.values(), key=_bits)
    return [
        text, f"{plain['words']:,} + {plain['test_words']:,}", f"{plain['tokens']:,}",
        f"{plain['network']['perplexity']:.1f}", f"{_perplexity(plain):.1f}",
        f"{plain['kneser_ney']['perplexity']:.1f}", f"{_perplexity(by_perplexity):.1f} ({by_perplexity['setting']})",
        f"{_perplexity(plain) / _perplexity(by_perplexity) - 1:+.1%}", f"{_bits(plain):.3f}",
        f"{plain['kneser_ney']['bits_per_character']:.3f}", f"{_bits(by_bits):.3f} ({by_bits['setting']})",
        f"{_bits(plain) / _bits(by_bits) - 1:+.1%}",
    ]  # fmt: skip


def _bits(result: dict[str, Any]) -> float:
    return float(result["predictor"]["bits_per_character"])


def _perplexity(result: dict[str, Any]) -> float:
    return float(result["predictor"]["perplexity"])


def _cell(result: dict[str, Any] | None) -> str:
    if result is None:
        return ""
    return f"{_bits(result):.3f} ({result['network']['perplexity']:.1f}, {_perplexity(result):.1f})"


def main() -> None:
    """Run the jobs that have no result, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--corpora", type=Path)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="at a time; 0: only the tables")
    parser.add_argument("--time-limit", type=float, default=float("inf"), help="seconds")
    parser.add_argument("--texts", default=",".join(SOURCES), help="names, separated by commas")
    parser.add_argument("--settings", default=",".join(SETTINGS), help="names, separated by commas")
    parser.add_argument("--job", nargs=2, metavar=("TEXT", "SETTING"), help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        os.sched_setaffinity(0, {options.core})
        run_job(options.work, *options.job)
        return
    if options.corpora:
        make_texts(options.corpora, options.work / "texts")
    for folder in ("models", "results", "logs"):
        (options.work / folder).mkdir(parents=True, exist_ok=True)
    names = [(text, setting) for setting in options.settings.split(",") for text in options.texts.split(",")]
    jobs = [job for job in names if not (options.work / "results" / f"{file_name(*job)}.json").exists()]
    run_jobs(options.work, jobs, options.jobs, options.time_limit)
    results = [json.loads(path.read_text("utf-8")) for path in sorted((options.work / "results").glob("*.json"))]
    print(f"{results[0]['machine'] if results else machine()}\n\n{tables(results)}")


if __name__ == "__main__":
    main()
