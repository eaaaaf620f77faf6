"""Texts that several tests read: corpora, golden files, odd characters."""

from pathlib import Path

from hypothesis import strategies as st

ROOT = Path(__file__).parent.parent
FABLE = ROOT / "corpora" / "belling_the_cat.txt"
FABLES = ROOT / "corpora" / "fables.txt"
GOLDEN = Path(__file__).parent / "golden"
FABLE_TEXT = "had a general council to consider what measures they could take . they said this , had a cat ."
CATS = "the cat sat on the mat , the cats sat . a dog saw the cat and the cat saw a hen .\n\n the mat sat on a cart . "
WORDS = ("the", "mouse", ",", "cat", ".", "a", "bell", "said", "to", "who", "will", "?")

ODD = (
    ["<unk>", "<eos>", "<UNK>", "\n", "\r", "\0", "\x85", "\u2028", "\u2029", "\u00a0", "\u3000", "\ufeff", "..", "--"],
    ["\u05d0\u05d1", "\u202e", "\u0301", "\u093f", "\u0915\u094d", "\u200d", "\u4e2d\u6587", "\u304b", "\U0001f600"],
)
# Hypothesis strategy: letters of several scripts, marks, joiners, quotation marks, and characters that resemble line
# ends or blanks. A UTF-8 file cannot contain lone surrogates.
texts = st.lists(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
        st.text("ab'\u2019\u2018\"\u201c\u201d\u201e-_.,*=<>0129 \n", max_size=8),
        st.sampled_from([*ODD[0], *ODD[1]]),
    ),
    max_size=12,
).map("".join)
file_texts = texts.map(lambda text: text.replace("\0", ""))  # a text file contains no NUL byte


def write(path: Path, content: str | bytes) -> Path:
    """Write exactly `content` to the file, and return its path."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
