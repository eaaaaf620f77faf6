"""Write docs/languages.md: a generated sample in each language, and the wrong spaces of its text: `make languages`.

Trains one small model per text of tests/text/spacing/languages/, a few seconds each. Processors add in different
orders, so the samples of two machines differ; `make test` only checks that the page has all languages.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "languages.md"
TEXTS = ROOT / "tests" / "text" / "spacing" / "languages"
TRAIN = "--eos --units 96 --embedding 48 --layers 1 --iterations 1000 --learning-rate 0.005 --seed 1"
GENERATE = "--temperature 0.3 --seed 1"
HEAD = f"""# Languages

The tokenizer follows the word boundaries of Unicode (UAX #29). White space is learned from the training text, and the
model file holds what was learned.

## Wrong spaces

Wrong spaces per 1,000 symbols of validation text, after a round trip: spacing is learned on the first nine tenths of a
text; the last tenth is turned into symbols, and these into text again. "Before" are models of earlier formats, with
their symbols and fixed rules that suit English. In 500 symbols, one wrong space makes the figure 2.
Command: `python benchmarks/spacing.py`.

{{table}}

## Samples

Each model is trained on one text of `tests/text/spacing/languages/`, fables of some thousand symbols, which it learns
almost by heart. So the samples show the spelling and the spaces of each language, not what networks can invent. The
prompt is in bold. The commands of each sample:

```console
$ rnnwords train tests/text/spacing/languages/LANGUAGE.txt --window 5 {TRAIN}
$ rnnwords generate PROMPT --words 130 {GENERATE}
```

Symbols of Japanese and Thai are shorter: `--window 12` and `--words 260` for these. `make languages` writes this page.
"""


class Language(NamedTuple):
    """A language of the page, its prompt, and what the tokenizer and the detokenizer do in its text."""

    name: str  # in English; lower case: the name of the text
    own_name: str
    prompt: str
    note: str
    is_leftward: bool = False  # written from right to left
    window: int = 5
    words: int = 130


LANGUAGES = (
    Language("Russian", "русский", "— Простите",
             "The dash of dialogue has a space on its right, a dash between clauses on both sides. Guillemets have "
             "none inside. `кто-то` is three symbols without spaces; `т. е.` keeps its inner space."),
    Language("French", "français", "« Bonjour",
             "Guillemets have a space inside, and `; : ! ?` have one on their left. No-break spaces of the text are "
             "written as spaces. `l’hiver` is one symbol."),
    Language("Spanish", "español", "—¿Quién",
             "`¿` and `¡` have no space on their right. The dash of a remark is joined to the remark where it opens "
             "it, and to the words before it where it closes it."),
    Language("Swedish", "svenska", "– God morgon",
             "One mark, `”`, opens and closes quotations: whether one is open decides on which side the space is. "
             "`7.30` is one symbol."),
    Language("Greek", "ελληνικά", "— Ευχαριστώ, είπε",
             "The question mark `;` and the ano teleia `·` have no space on their left. NFC turns the Greek signs into "
             "the common ones that look the same."),
    Language("Hebrew", "עברית", '"תודה," אמר',
             'A mark inside a word (`ק"מ`) belongs to it; the same mark around words is a quotation mark. The maqaf '
             "joins two symbols without spaces.", True),
    Language("Arabic", "العربية", "قال الأسد: «",
             "`،`, `؛` and `؟` have no space on their left. A number in Arabic digits with its decimal sign (`٣٫٥`) is "
             "one symbol. Vowel signs stay with their letters.", True),
    Language("Korean", "한국어", "“안녕하세요",
             "Spaces separate words. A bracket or an opening quotation mark has a space on its left only where the "
             "text has one (`이야기(올해는`)."),
    Language("Japanese", "日本語", "「ありがとう」と、ライオン",
             "Each Hiragana or Han character is one symbol, and so is a run of Katakana. They have no spaces. The "
             "ideographic space that begins a paragraph is written as a space.", window=12, words=260),
    Language("Thai", "ไทย", "“ขอบใจ”",
             "No spaces separate words: a dictionary (ICU) finds them. A space ends a phrase, and is a symbol "
             "of its own, `␣`.", window=12, words=260),
)  # fmt: skip


def main() -> None:
    """Write the page."""
    spacing = subprocess.run([sys.executable, ROOT / "benchmarks" / "spacing.py"], check=True, stdout=subprocess.PIPE)
    parts = [HEAD.format(table=spacing.stdout.decode().strip())]
    with tempfile.TemporaryDirectory() as directory:
        for language in LANGUAGES:
            parts.append(section(language, sample(language, Path(directory))))
    PAGE.write_text("\n".join(parts), encoding="utf-8")


def sample(language: Language, directory: Path) -> str:
    """Train a model on the text of a language, and return what it writes after the prompt, up to its last paragraph."""
    text, model = TEXTS / f"{language.name.lower()}.txt", directory / language.name
    _rnnwords("train", text, "--model", model, "--window", language.window, *TRAIN.split(), "--quiet")
    options = ["--model", model, "--words", language.words, *GENERATE.split()]
    written = _rnnwords("generate", language.prompt, *options).strip()
    return written.rpartition("\n\n")[0] or written


def section(language: Language, text: str) -> str:
    """Return the part of the page about a language; the prompt in `text` is printed in bold."""
    shown = text.replace(language.prompt, f"<b>{language.prompt}</b>", 1)
    quoted = "\n".join(f"> {line}".rstrip() for line in shown.splitlines())
    if language.is_leftward:
        quoted = f'<div dir="rtl">\n\n{quoted}\n\n</div>'
    return f"### {language.name} ({language.own_name})\n\n{language.note}\n\n{quoted}\n"


def _rnnwords(*words: object) -> str:
    command = [sys.executable, "-m", "rnnwords", *map(str, words)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout


if __name__ == "__main__":
    main()
