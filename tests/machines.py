"""The numeric tests on every kernel that can be chosen on this machine: `make test-machines`.

    python -m tests.machines [NPY] [OPENBLAS] [ONEDNN] [core]

Prints a Markdown table: numpy's loops and OpenBLAS (prediction) and oneDNN (training) limited to older instruction
sets, TensorFlow without oneDNN's operations, and one core. Each row changes one thing. A limit that gives the kernels
of an earlier row is left out; one under which a product ends the process is listed with the reason.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from benchmarks.machine import machine, table
from tests.texts import ROOT

TESTS = (
    "tests/network", "tests/lm", "tests/prediction", "tests/evaluation", "tests/generation", "tests/forecasting",
    "tests/training/post_training", "tests/training/test_first_weights.py", "tests/training/test_golden_weights.py",
    "tests/training/test_optimizers.py", "tests/training/test_precision.py", "tests/training/test_steps.py",
    "tests/test_model_file.py",
)  # fmt: skip
# Oldest first. A library takes another kernel if it or the processor does not have the one that is named.
OPENBLAS = (
    "Prescott", "Nehalem", "Sandybridge", "Haswell", "SkylakeX", "Cooperlake", "Sapphirerapids",
    "ARMV8", "NEOVERSEN1", "NEOVERSEV1",
)  # fmt: skip
ONEDNN = ("SSE41", "AVX", "AVX2", "AVX512_CORE", "AVX512_CORE_BF16", "AVX512_CORE_AMX")
CHOICES = re.compile("OPENBLAS_|ONEDNN_|DNNL_|NPY_|OMP_|TF_ENABLE_ONEDNN_OPTS")

# Prints the kernels that computed a product.
NUMPY_KERNELS = """
import json, numpy, threadpoolctl
x = numpy.ones((64, 64), numpy.float32)
(x @ x)[0] + numpy.exp(x[0])
blas = [one["architecture"] for one in threadpoolctl.threadpool_info() if one["internal_api"] == "openblas"]
print(json.dumps([numpy.show_config(mode="dicts")["SIMD Extensions"].get("found", []), blas]))
"""
TENSORFLOW_KERNELS = """
import tensorflow as tf
x = tf.ones((64, 64))
tf.matmul(x, x).numpy()
"""


@dataclass
class Setting:
    """Environment variables that choose kernels, or one core."""

    changes: dict[str, str] = field(default_factory=dict)
    one_core: bool = False

    def __str__(self) -> str:
        names = [f"{name}={value}" for name, value in self.changes.items()]
        return ", ".join(names + ["one core"] * self.one_core) or "nothing chosen"

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run Python with these arguments in the root of the repository."""
        kept = {name: value for name, value in os.environ.items() if not CHOICES.match(name)}
        return subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=kept | self.changes, preexec_fn=self._limit, check=False,
            capture_output=True, text=True,
        )  # fmt: skip

    def _limit(self) -> None:
        if self.one_core:
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def ending(done: "subprocess.CompletedProcess[str]") -> str:
    """Return how a process failed: by a signal, or the last line of its errors."""
    if done.returncode < 0:
        return f"a product ends the process with {signal.Signals(-done.returncode).name}"
    return (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]


def numpy_kernels(setting: Setting) -> str:
    """Return numpy's instruction sets and the kernel of OpenBLAS. Raises ValueError where a product fails."""
    done = setting.run("-c", NUMPY_KERNELS)
    if done.returncode:
        raise ValueError(ending(done))
    loops, blas = json.loads(done.stdout)
    return f"numpy {loops[-1] if loops else 'baseline'}, OpenBLAS {', '.join(blas) or 'none'}"


def tensorflow_kernels(setting: Setting) -> str:
    """Return oneDNN's instruction set. Raises ValueError where a product fails."""
    verbose = Setting({**setting.changes, "ONEDNN_VERBOSE": "1"}, setting.one_core)
    done = verbose.run("-c", TENSORFLOW_KERNELS)
    if done.returncode:
        raise ValueError(ending(done))
    found = re.search(r"cpu,isa:(.+)", done.stdout)
    return f"oneDNN {found[1]}" if found else "oneDNN unused"


def numpy_settings() -> list[Setting]:
    """Return settings of numpy and OpenBLAS with different kernels, without those that cannot be run here."""
    return [setting for setting, _, reason in chosen(numpy_choices(), numpy_kernels) if not reason]


def numpy_choices() -> list[Setting]:
    """Return settings that disable numpy's newest instruction sets, in about three steps, and kernels of OpenBLAS."""
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    cuts = range(0, len(found), max(1, len(found) // 3))
    disabled = [Setting({"NPY_DISABLE_CPU_FEATURES": " ".join(found[cut:])}) for cut in cuts]
    return [Setting(), *disabled, *(Setting({"OPENBLAS_CORETYPE": name}) for name in OPENBLAS)]


def tensorflow_choices() -> list[Setting]:
    """Return settings that limit oneDNN."""
    return [Setting(), *(Setting({"ONEDNN_MAX_CPU_ISA": name}) for name in ONEDNN)]


def chosen(choices: list[Setting], kernels_of: Callable[[Setting], str]) -> Iterator[tuple[Setting, str, str]]:
    """Yield each setting with new kernels, its kernels, and the reason if it cannot be run."""
    seen = set()
    for setting in choices:
        try:
            kernels = kernels_of(setting)
        except ValueError as error:
            yield setting, "", str(error)
            continue
        if kernels not in seen:
            seen.add(kernels)
            yield setting, kernels, ""


def rows() -> Iterator[tuple[Setting, str, str]]:
    """Yield every setting of the table with its kernels, or the reason why it cannot be run."""
    default, *older = chosen(numpy_choices(), numpy_kernels)
    limited = list(chosen(tensorflow_choices(), tensorflow_kernels))
    yield default[0], f"{default[1]}, {limited[0][1]}", default[2] or limited[0][2]
    yield from older
    yield from limited[1:]
    yield Setting({"TF_ENABLE_ONEDNN_OPTS": "0"}), "without oneDNN's operations", ""
    if hasattr(os, "sched_setaffinity"):
        yield Setting(one_core=True), "", ""


def main() -> None:
    """Run the tests in every setting, or those that contain a word of the command line. Status 1 if a test failed."""
    words = sys.argv[1:]
    print(f"{machine()}\n", flush=True)
    head = ["setting", "kernels", "passed", "failed", "skipped", "seconds"]
    print(table(head, []), flush=True)
    failures: list[str] = []
    skipped: dict[str, None] = {}  # in order
    for setting, kernels, reason in rows():
        if words and not any(word in str(setting) for word in words):
            continue
        if reason:
            print(f"| {setting} | cannot be run here: {reason} | | | | |", flush=True)
            continue
        begun = time.perf_counter()
        workers = ["-n", "1"] if setting.one_core else ["-n", "auto", "--maxprocesses", "4"]
        arguments = ["-q", "-p", "no:cacheprovider", "-m", "not serial and not slow", "--dist", "loadfile", *workers]
        done = setting.run("-m", "pytest", *arguments, *TESTS)
        lines = done.stdout.splitlines() or [""]
        counts = {what: int(number) for number, what in re.findall(r"(\d+) (passed|failed|skipped|error)", lines[-1])}
        bad = counts.get("failed", 0) + counts.get("error", 0)
        skipped |= dict.fromkeys(line for line in lines if line.startswith("SKIPPED"))
        if done.returncode:
            failures += [f"{setting}: {line}" for line in lines if line.startswith(("FAILED", "ERROR"))]
            failures += [] if bad else [f"{setting}: {ending(done)}"]
        numbers = [counts.get("passed", 0), bad, counts.get("skipped", 0), round(time.perf_counter() - begun)]
        print("| " + " | ".join([str(setting), kernels, *map(str, numbers)]) + " |", flush=True)
    print("", *skipped, *failures, sep="\n")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
