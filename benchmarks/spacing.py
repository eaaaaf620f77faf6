"""White space after a round trip through the tokenizer: wrong spaces per 1,000 symbols of validation text.

    python benchmarks/spacing.py [TEXT ...] [--corpora DIRECTORY] [--every-tenth] [--within-lines] [--show N]
        [--before]

TEXT is a file in UTF-8, or such a file compressed as .gz; by default those of tests/text/spacing/languages/ and of
corpora/. The corpora are the .txt and .txt.gz files below a directory; of a file over 20 MB, such as a collection of
novels, some parts between two first chapters. Spacing is learned on the first nine tenths of a text, and measured on
the last, the validation text. With --every-tenth each tenth is the validation text in turn: a better estimate for a
short text.

A gap lies between two adjacent symbols. It is wrong where the text has white space and the output has none, or the
other way round; all white space counts alike. Gaps at a line end that is a symbol (--eos) do not count. "before" are
models of earlier formats: their tokens, and spaces by fixed rules. Without --eos, line ends of the text do not reach
the output: their gaps do not count next to an ideograph (CSS calls this segment break transformation), nor anywhere
with --within-lines. Prints a Markdown table; with --show the first N wrong gaps of each text as well, of "after" or,
with --before, of "before".
"""

import argparse
import gzip
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from machine import table

from rnnwords.config import TextConfig
from rnnwords.text.spacing.detokenizer import detokenize
from rnnwords.text.spacing.learned import IDEOGRAPHIC, learn_spacing
from rnnwords.text.tokens.normalization import normalize
from rnnwords.text.tokens.segmentation import PHRASE_END
from rnnwords.text.tokens.tokenizer import EOS, tokenize

ROOT = Path(__file__).parent.parent
TEXTS = [
    *sorted((ROOT / "tests" / "text" / "spacing" / "languages").glob("*.txt")),
    *sorted((ROOT / "corpora").glob("*.txt")),
]
BEFORE: Any = TextConfig.BEFORE  # the text settings of models of earlier formats
TENTHS = 10
LARGE = 20_000_000  # bytes
PARTS = 6  # of a large file
_BLANK, _BLANK_IN_LINE = re.compile(r"\s*"), re.compile(r"[^\S\n]*")
_IDEOGRAPH = re.compile(IDEOGRAPHIC)  # a line end next to one does not count as white space
FIRST_CHAPTER = re.compile(r"^chapter (?:i|1|one|the first)\b", re.IGNORECASE | re.MULTILINE)


class Gap(NamedTuple):
    """A gap with wrong white space: the text before it, its white space in the text, and the text after it."""

    before: str
    blank: str  # empty: the output has white space there, the text has none
    after: str

    def __str__(self) -> str:
        shown = f"{self.before}[{self.blank}]{self.after}".replace("\n", "\u21b5")
        return f"{'missing' if self.blank else 'extra  '}  {shown}"


class Measured(NamedTuple):
    """Symbols of a validation text, without line ends, and the wrong gaps among them."""

    symbols: int
    wrong: list[Gap]

    @property
    def per_thousand(self) -> float:
        return 1000 * len(self.wrong) / max(1, self.symbols)

    def within_lines(self) -> "Measured":
        """Return the same without the gaps at line ends of the text."""
        return Measured(self.symbols, [gap for gap in self.wrong if "\n" not in gap.blank])


def measure(text: str, config: TextConfig, learned: bool = True, every_tenth: bool = False) -> Measured:
    """Return the wrong gaps of the last tenth of `text`, or of all its tenths, each with spacing learned on the rest.

    Spacing is not `learned`: the output follows the rules alone.
    """
    symbols, wrong = 0, []
    for training, validation in itertools.islice(splits(text), TENTHS if every_tenth else 1):
        spacing = learn_spacing(training, config) if learned else None
        tokens = tokenize(validation, config)
        marks = _line_ends(config) | {PHRASE_END}
        gaps = wrong_gaps(normalize(validation, config), detokenize(tokens, config, spacing), tokens, config)
        symbols, wrong = symbols + sum(token not in marks for token in tokens), [*wrong, *gaps]
    return Measured(symbols, wrong)


def splits(text: str) -> Iterator[tuple[list[str], str]]:
    """Yield the pieces of text to learn from and the tenth to validate on, the last tenth first.

    Tenths end with a paragraph where one ends near, else with a line or a word.
    """
    cuts = [0, *(_start_near(text, len(text) * tenth // TENTHS) for tenth in range(1, TENTHS)), len(text)]
    for first, last in reversed(list(itertools.pairwise(cuts))):
        yield [piece for piece in (text[:first], text[last:]) if piece], text[first:last]


def _start_near(text: str, at: int) -> int:
    """Return where a paragraph begins, or a line, or a word: the first after `at`, within 3 % of the text."""
    last = at + len(text) * 3 // 100
    for end in ("\n\n", "\n", " "):
        if (found := text.find(end, at, last)) >= 0:
            return found + len(end)
    return at


def wrong_gaps(text: str, output: str, tokens: list[str], config: TextConfig) -> list[Gap]:
    """Return the gaps whose white space in `text`, which is normalized, and in `output` differ.

    The token of a space at the end of a phrase is white space in both.
    """
    if PHRASE_END not in text:
        tokens = [token for token in tokens if token != PHRASE_END]
    expected, found = _gaps(text, tokens, config), _gaps(output, tokens, config)
    gaps = []
    for (place, has_space), (_, is_written), token, last in zip(expected, found, tokens, ["", *tokens], strict=False):
        if has_space != is_written and last and not {token, last} & _line_ends(config):
            start = len(text[:place].rstrip()) if has_space else place
            beside = text[max(0, start - 1) : start] + text[place : place + 1]
            if "\n" in text[start:place] and _IDEOGRAPH.search(beside):
                continue
            gaps.append(Gap(text[max(0, start - 30) : start], text[start:place], text[place : place + 30]))
    return gaps


def _gaps(text: str, tokens: list[str], config: TextConfig) -> list[tuple[int, bool]]:
    """Return the place of each token in `text`, and whether white space precedes it. The text has these tokens only."""
    gaps, at = [], 0
    for token in tokens:
        is_line_end = token in _line_ends(config)
        blank = (_BLANK_IN_LINE if is_line_end else _BLANK).match(text, at)
        place = blank.end() if blank else at
        written = "\n" if is_line_end and text.startswith("\n", place) else token
        if not text.startswith(written, place):
            raise ValueError(f"expected the symbol {token!r}, found {text[place : place + 30]!r}")
        gaps.append((place, place > at))
        at = place + len(written)
    if text[at:].strip():
        raise ValueError(f"expected no more symbols, found {text[at : at + 30]!r}")
    return gaps


def _line_ends(config: TextConfig) -> set[str]:
    return {EOS} if config.eos else set()


def read(path: Path) -> dict[str, str]:
    """Return the texts of a file by their names: one, or the parts of a large file."""
    with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as stream:
        text = stream.read().decode("utf-8-sig").replace("\r\n", "\n")
    name = path.name if path.parent.name in ("languages", "corpora") else f"{path.parent.name}/{path.name}"
    if len(text) < LARGE:
        return {name: text}
    starts = [match.start() for match in FIRST_CHAPTER.finditer(text)]
    parts = [(first, last) for first, last in itertools.pairwise(starts) if 300_000 <= last - first <= 1_200_000]
    chosen = parts[:: max(1, len(parts) // PARTS)][:PARTS]
    return {f"{name} at {first:,}": text[first:last] for first, last in chosen}


def corpora(directory: Path) -> list[Path]:
    """Return the text files below a directory."""
    return sorted(path for path in directory.rglob("*") if path.name.endswith((".txt", ".txt.gz")))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="*", type=Path, metavar="TEXT")
    parser.add_argument("--corpora", type=Path, metavar="DIRECTORY", help="measure its texts as well")
    parser.add_argument("--every-tenth", action="store_true", help="validate on each tenth in turn")
    parser.add_argument("--within-lines", action="store_true", help="gaps at line ends of the text do not count")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print the first N wrong gaps of each text")
    parser.add_argument("--before", action="store_true", help="show those of models of earlier formats")
    options = parser.parse_args()
    paths = [
        *(options.texts or ([] if options.corpora else TEXTS)),
        *(corpora(options.corpora) if options.corpora else []),
    ]
    head = ["text", "symbols", "before", "after", "before, `--eos`", "after, `--eos`"]
    print(table(head, []), flush=True)
    for path in paths:
        for name, text in read(path).items():
            results = {
                (eos, before): _measured(text, eos, before, options)
                for eos in (False, True)
                for before in (True, False)
            }
            figures = [f"{result.per_thousand:.1f}" for result in results.values()]
            print(f"| {name} | {results[False, False].symbols:,} | {' | '.join(figures)} |", flush=True)
            for eos in (False, True):
                for gap in results[eos, options.before].wrong[: options.show]:
                    print(f"    {'--eos' if eos else '     '}  {gap}")


def _measured(text: str, eos: bool, before: bool, options: argparse.Namespace) -> Measured:
    config = TextConfig(eos=eos, **BEFORE if before else {})
    measured = measure(text, config, not before, options.every_tenth)
    return measured.within_lines() if options.within_lines else measured


if __name__ == "__main__":
    main()
