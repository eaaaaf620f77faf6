"""The text of a file, as commands read it."""

from pathlib import Path
from typing import Any

from rnnwords.config import ReadConfig
from rnnwords.text.reading.corpus import Corpus
from tests.texts import write


def prose_of(path: Path, content: str | bytes, **read: Any) -> str:
    """Return the prose of a file with this content; it is the same the second time."""
    corpus = Corpus([write(path, content)], ReadConfig(**read))
    prose = "".join(corpus.texts())
    assert "".join(corpus.texts()) == prose
    return prose
