"""Names and words that would mean something to a shell, a terminal, a formatter, a markup language or a file system."""

from collections.abc import Iterator
from pathlib import Path

from rnnwords.model_file import Model
from tests.models import small_model
from tests.signed_files import assembled, parts, saved

# Words of a model. Each must be printed as it is.
WORDS = (
    "the", "{0.__class__}", "{predictor}", "%s%n%x", "%(name)s", "${HOME}", "$(mkdir_canary)", "`mkdir_canary`",
    "[bold]", "[link=file:///etc/passwd]x[/link]", "[/]", "[red", "\\[b]", ":smile:", "<script>", "&lt;", "<b>x</b>",
    "<unk", "__class__", "../../etc/passwd", "/etc/passwd", "-rf", "--model", "=1+1", "@x", "{{7*7}}", "{%x%}",
    "\\N{BULLET}", "\\x1b[31m",
)  # fmt: skip
PATHS = (
    "../canary",
    "../../canary",
    "/canary",
    "~/canary",
    "canary\0",
    "C:\\canary",
    "file:///canary",
    "a/../../canary",
)


def model_of_words() -> Model:
    """Return a model with the words."""
    return small_model(WORDS)


def tensors_named_as_paths(base: Path) -> Iterator[tuple[str, bytes]]:
    """Yield signed model files with a tensor that has the name of a path."""
    for name in PATHS:
        header, data = parts(saved(base))
        header[name] = header.pop("output/bias")
        yield name, assembled(header, data)
