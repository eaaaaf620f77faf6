"""Packages that an installation may lack, and the commands that add them."""

import sys

TENSORFLOW = ("tensorflow", "keras", "tensorboard")
# For these TensorFlow 2.21 has wheels; the marker of the dependencies in pyproject.toml names the same.
NEWEST_PYTHON = (3, 13)
MACHINES = (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"))


def install_command(*packages: str) -> str:
    """Return the command of pip that installs these packages in the versions that this program needs."""
    import importlib.metadata

    try:
        needed = importlib.metadata.requires("rnnwords") or []
    except importlib.metadata.PackageNotFoundError:  # run from its source, without an installation
        needed = []
    versions = {package: package for package in packages}
    for requirement in needed:
        text = requirement.partition(";")[0].strip()
        name = text.rstrip("0123456789.,<>=!~ ")
        if name in versions:
            versions[name] = f'"{text}"'
    return " ".join(["pip install", *versions.values()])


def extra_command(extra: str, *packages: str) -> str:
    """Return the command that adds an extra: where TensorFlow is missing, its packages alone, or pip would add that."""
    import importlib.util

    if importlib.util.find_spec("tensorflow") is None:
        return install_command(*packages)
    return f"pip install 'rnnwords[{extra}]'"


def tensorflow_advice() -> str:
    """Return what to do where TensorFlow is missing: the command that installs it, or why there is none."""
    import platform

    if (sys.platform, platform.machine()) not in MACHINES:
        machines = ", ".join(f"{system} {machine}" for system, machine in MACHINES)
        return f"TensorFlow has packages for {machines}, found {sys.platform} {platform.machine()}; use such a machine"
    if sys.version_info[:2] > NEWEST_PYTHON:
        newest, this = (".".join(map(str, version)) for version in (NEWEST_PYTHON, sys.version_info[:2]))
        return f"TensorFlow has packages for Python 3.11 to {newest}, found {this}; install it for Python {newest}"
    return f"install it with: {install_command(*TENSORFLOW)}"
