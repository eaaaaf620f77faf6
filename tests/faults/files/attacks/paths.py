"""Paths that never end, never answer, or lead elsewhere."""

import os
from collections.abc import Iterator
from pathlib import Path


def paths(directory: Path) -> Iterator[tuple[str, Path]]:
    """Make the paths in the directory, and yield name and path of each."""
    os.mkfifo(directory / "pipe")
    yield "pipe", directory / "pipe"
    for name, target in {
        "endless": "/dev/zero", "random": "/dev/urandom", "terminal": "/dev/tty", "loop": "loop",
        "link to pipe": "pipe", "own memory": "/proc/self/mem", "own words": "/proc/self/environ",
    }.items():  # fmt: skip
        (directory / name).symlink_to(target)
        yield name, directory / name
    for name in ("pipe", "/dev/zero"):
        inside = directory / f"directory of {Path(name).name}"
        inside.mkdir()
        (inside / "model.safetensors").symlink_to(directory / name)
        yield inside.name, inside
    sparse = directory / "sparse"
    with sparse.open("wb") as stream:
        stream.truncate(1 << 40)
    yield "sparse", sparse
