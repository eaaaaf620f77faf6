"""What replaces the start of TensorFlow in tests that end before it."""

from rnnwords.errors import MissingDependencyError

STOPPED = "Error: stopped before TensorFlow\n"


def no_tensorflow(*arguments: object) -> None:
    raise MissingDependencyError(STOPPED.strip().removeprefix("Error: "))


def never_called(*arguments: object) -> None:
    raise AssertionError("TensorFlow is loaded before the path is checked")
