"""Runs one target for some seconds: python -m tests.faults.fuzz.engine TARGET SECONDS."""

import contextlib
import hashlib
import importlib.util
import io
import os
import random
import shutil
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.faults.fuzz.choices import folder
from tests.faults.fuzz.targets import CORPUS, MAX_SIZE, Check, check_of, limited

SHRINKING_SECONDS = 10.0  # for each finding


class Fuzzing:
    """Counts runs and findings of a target. A finding is an error at a place in the code that none had before."""

    def __init__(self, target: str, seconds: float) -> None:
        self.target, self.seconds = target, seconds
        self.check: Check = lambda data: None
        self.runs, self.findings = 0, set[str]()
        self.start = time.monotonic()

    def run(self, data: bytes) -> None:
        """Check one input, and end the process when the time is over."""
        self.runs += 1
        if (error := problem(self.check, data)) is not None and (place := place_of(error)) not in self.findings:
            self.findings.add(place)
            self._keep(data, error, place)
        if time.monotonic() - self.start > self.seconds:
            self.end()

    def end(self) -> None:
        """Print the numbers and end the process, whichever library runs it."""
        shutil.rmtree(folder())
        seconds, findings = time.monotonic() - self.start, len(self.findings)
        report(f"{self.target}: {self.runs:,} runs in {seconds:.0f} s, {findings} findings")
        os._exit(min(1, findings))

    def _keep(self, data: bytes, error: BaseException, place: str) -> None:
        data = shrunk(data, lambda part: (other := problem(self.check, part)) is not None and place_of(other) == place)
        path = CORPUS / self.target / hashlib.sha256(data).hexdigest()[:16]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        report(f"{self.target}: finding kept as {path}\n{''.join(traceback.format_exception(error))}")


def report(text: str) -> None:
    """Print at once, since libFuzzer ends the process without flushing."""
    print(text, flush=True)  # noqa: T201


def problem(check: Check, data: bytes) -> BaseException | None:
    """Return what an input raises."""
    try:
        limited(check, data)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # SystemExit and all others are findings
        return error
    return None


def place_of(error: BaseException) -> str:
    """Return the kind of an error, and the last lines that raised it."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    return f"{type(error).__name__} {[(frame.filename, frame.lineno) for frame in frames]}"


def shrunk(data: bytes, fails: Callable[[bytes], bool]) -> bytes:
    """Return a shorter input that fails in the same way, without ever smaller parts of it, as time allows."""
    deadline, size = time.monotonic() + SHRINKING_SECONDS, max(1, len(data) // 2)
    while size and time.monotonic() < deadline:
        at = 0
        while at < len(data) and time.monotonic() < deadline:
            part = data[:at] + data[at + size :]
            if fails(part):
                data = part
            else:
                at += size
        size //= 2
    return data


def with_atheris(fuzzing: Fuzzing) -> None:
    """Fuzz, guided by coverage. libFuzzer writes the inputs that reach new code to a temporary directory."""
    import atheris

    with contextlib.redirect_stderr(io.StringIO()), atheris.instrument_imports(include=["rnnwords"]):
        fuzzing.check = check_of(fuzzing.target)
        fuzzing.check(b"")  # imports the rest
    seeds, new = CORPUS / fuzzing.target, folder() / "inputs"
    for directory in (seeds, new):
        directory.mkdir(parents=True, exist_ok=True)
    words = [
        f"-max_len={MAX_SIZE}",
        "-verbosity=0",
        "-timeout=60",
        "-rss_limit_mb=4096",
        f"-artifact_prefix={folder()}/",
    ]
    atheris.Setup([sys.argv[0], *words, str(new), str(seeds)], fuzzing.run)
    fuzzing.start = time.monotonic()
    atheris.Fuzz()


def with_hypothesis(fuzzing: Fuzzing) -> None:
    """Fuzz without knowledge of coverage."""
    fuzzing.check = check_of(fuzzing.target)

    without_limits: dict[str, Any] = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}

    @settings(max_examples=1_000, phases=[Phase.generate], **without_limits)
    @given(st.binary(max_size=400))
    def run(data: bytes) -> None:
        fuzzing.run(data)

    fuzzing.start = time.monotonic()
    while True:
        seed(random.getrandbits(64))(run)()


def main(target: str, seconds: str) -> None:
    """Fuzz one target; the process ends with 1 if there was a finding."""
    fuzzing = Fuzzing(target, float(seconds))
    (with_atheris if importlib.util.find_spec("atheris") else with_hypothesis)(fuzzing)


if __name__ == "__main__":
    main(*sys.argv[1:])
