"""The targets, and what counts as a finding in any of them: an exception, or more time or memory than the limits."""

import importlib
import resource
import time
from collections.abc import Callable
from pathlib import Path

TARGETS = ("models", "checkpoints", "vocabularies", "tokenizers", "prompts", "series", "lines", "formats", "messages")
CORPUS = Path(__file__).parent / "corpus"
MAX_SECONDS = 1.0  # of CPU time
MAX_MEMORY = 200 << 20  # bytes by which one input may raise the peak
MAX_SIZE = 4_096  # bytes of an input

Check = Callable[[bytes], None]


def check_of(target: str) -> Check:
    """Return the function `check` of a target."""
    check: Check = importlib.import_module(f"tests.faults.fuzz.{target}").check
    return check


def limited(check: Check, data: bytes) -> None:
    """Check an input, its time and its memory. Raises only on a finding."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    before = time.process_time()
    check(data)
    seconds = time.process_time() - before
    assert seconds < MAX_SECONDS, f"{seconds:.1f} seconds"
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) << 10
    assert grown < MAX_MEMORY, f"{grown:,} bytes"
