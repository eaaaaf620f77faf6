"""Round trip of validation text in many languages: at most 2 wrong spaces per 1,000 symbols.

benchmarks/spacing.py counts them. Spacing is learned on the first nine tenths of each text and measured on the last.
"""

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest

from docs import samples
from rnnwords.config import TextConfig
from tests.texts import ROOT

LANGUAGES = {
    "arabic", "french", "greek", "hebrew", "japanese", "korean", "russian", "spanish", "swedish", "thai"
}  # fmt: skip
MAX_PER_THOUSAND = 2.0
eos = pytest.mark.parametrize("eos", [False, True], ids=["", "eos"])


def _benchmark() -> Any:
    """Return the module benchmarks/spacing.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        spec = importlib.util.spec_from_file_location("spacing_benchmark", ROOT / "benchmarks" / "spacing.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


spacing = _benchmark()
CORPORA = spacing.corpora(Path(os.environ.get("RNNWORDS_CORPORA", "/nonexistent")))


def test_each_language_has_a_text() -> None:
    assert {path.stem for path in spacing.TEXTS} >= LANGUAGES


@eos
@pytest.mark.parametrize("path", spacing.TEXTS, ids=lambda path: path.stem)
def test_validation_text_of_each_language_keeps_its_spaces(path: Path, eos: bool) -> None:
    _check(path, eos)


@pytest.mark.slow
@eos
@pytest.mark.parametrize("path", CORPORA, ids=lambda path: path.name)
@pytest.mark.skipif(not CORPORA, reason="RNNWORDS_CORPORA names no directory with texts")
def test_validation_text_of_real_corpora_keeps_its_spaces(path: Path, eos: bool) -> None:
    _check(path, eos)


def _check(path: Path, eos: bool) -> None:
    for name, text in spacing.read(path).items():
        measured = spacing.measure(text, TextConfig(eos=eos))
        assert measured.symbols > 10, name
        assert measured.per_thousand <= MAX_PER_THOUSAND, "\n".join([name, *map(str, measured.wrong[:50])])


@pytest.mark.parametrize(
    ("text", "output", "eos", "wrong"),
    [
        ("a (b) c", "a (b) c", False, []),
        ("a (b) c", "a ( b) c", False, ["extra    a ([]b) c"]),
        ("a (b) c", "a (b)c", False, ["missing  a (b)[ ]c"]),
        ("a (b)\n c", "a (b) c", False, []),  # all white space counts alike
        ("a (b)\n\tc", "a (b)\nc", True, []),
        ("a\u00a0!\nb", "a!\n b", True, ["missing  a[\u00a0]!\u21b5b"]),  # the gap at a line end does not count
        ("", "", True, []),
    ],
)
def test_wrong_gaps_are_those_where_one_side_has_no_white_space(
    text: str, output: str, eos: bool, wrong: list[str]
) -> None:
    config = TextConfig(eos=eos)
    gaps = spacing.wrong_gaps(text, output, spacing.tokenize(text, config), config)
    assert [str(gap) for gap in gaps] == wrong


def test_the_page_of_samples_shows_each_language() -> None:
    assert {language.name.lower() for language in samples.LANGUAGES} == LANGUAGES
    page = samples.PAGE.read_text(encoding="utf-8")
    for language in samples.LANGUAGES:
        assert f"### {language.name} ({language.own_name})" in page
        assert f"<b>{language.prompt}</b>" in page


def test_every_tenth_is_the_validation_text_once() -> None:
    text = "\n\n".join(f"paragraph {number} is here" for number in range(50))
    parts = list(spacing.splits(text))
    assert len(parts) == spacing.TENTHS
    assert "".join(validation for _, validation in reversed(parts)) == text
    assert all(sorted("".join(training) + validation) == sorted(text) for training, validation in parts)
