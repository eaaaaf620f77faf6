"""Rows 25 and 53: long lines, many distinct words and compressed texts take bounded memory."""

import gzip
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rnnwords.text.counting import MAX_DISTINCT
from tests.processes import PROGRAM, environment, killed_at_end, start


def peak_megabytes(*arguments: str, cwd: Path) -> tuple[float, "subprocess.CompletedProcess[str]"]:
    """Run the program, and return the peak memory of its largest process in megabytes."""
    script = "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:]); "
    script += (
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(done.returncode)"
    )
    command = [sys.executable, "-c", script, *PROGRAM, *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, check=False)
    return int(done.stderr.split()[-1]) / 1024, done


@pytest.mark.slow
def test_row_25_a_line_of_500_megabytes_takes_bounded_memory(tmp_path):
    with open(tmp_path / "text", "wb") as stream:
        for _ in range(500):
            stream.write(b"word " * 100_000 + b"a" * 500_000)
    peak, done = peak_megabytes("build-vocab", "text", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert peak < 300


@pytest.mark.slow
def test_row_25_ten_million_distinct_words_take_bounded_memory(tmp_path):
    with open(tmp_path / "text", "w") as stream:
        for start in range(0, 10_000_000, 100_000):
            stream.write(" ".join(f"w{number}" for number in range(start, start + 100_000)) + "\nthe end\n")
    peak, done = peak_megabytes("build-vocab", "text", "--quiet", "-o", "vocabulary.tsv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "vocabulary.tsv") as lines:
        assert sum(1 for _ in lines) <= MAX_DISTINCT
    assert peak < 1_500


@pytest.mark.parametrize("command", ["build-vocab", "eval", "train"])
def test_row_53_a_compressed_text_that_grows_a_thousandfold_is_interruptible_in_bounded_memory(
    command, trained, tmp_path
):
    with gzip.open(tmp_path / "text.gz", "wb", compresslevel=1) as stream:
        for _ in range(200):
            stream.write(b"the mice had a general council\n" * 33_000)
    assert (tmp_path / "text.gz").stat().st_size < 10_000_000
    option = {"build-vocab": ["-o", "made"], "eval": ["--model", trained], "train": ["--model", "made"]}[command]
    env = environment(RNNWORDS_CACHE=str(tmp_path / "cache"))
    process = start(command, "text.gz", *option, "--quiet", cwd=tmp_path, env=env)
    with killed_at_end(process):
        time.sleep(1.0)
        if process.poll() is None:
            status = Path(f"/proc/{process.pid}/status")
            peak = int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024 if status.exists() else 0
            assert peak < 400
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode in (0, 130)
    assert not list(tmp_path.glob("made/*.safetensors"))
