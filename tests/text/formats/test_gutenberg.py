"""Header and licence of Project Gutenberg: left out in all forms, with a note; nothing else is."""

import pytest

from rnnwords.config import ReadConfig
from rnnwords.text.reading import corpus as corpus_module
from rnnwords.text.reading.corpus import Corpus
from tests.text.formats.books import END, HEADER, LICENCE, PAGE, START, epub
from tests.text.formats.prose import prose_of
from tests.texts import write

BODY = "\nIt began.\n\nIt ended.\n\n"
OLD = "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\n"
BOOK = HEADER + START + BODY + END + LICENCE


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        (BOOK, BODY),
        (BOOK.replace("\n", "\r\n"), BODY),
        ("\ufeff" + BOOK, BODY),
        (BOOK.replace("OF THE PROJECT", "OF THIS PROJECT"), BODY),
        (BOOK.replace("*** START", "***START").replace("*** END", "***END"), BODY),
        (BOOK.replace("*** START", "**START").replace("BOOK ***\n", "BOOK A VERY LONG\nTITLE, VOLUME 1 ***\n"), BODY),
        (HEADER + OLD + BODY + "End of Project Gutenberg's A Book, by Nobody\n", BODY),
        (HEADER + OLD + BODY + "End of The Project Gutenberg Etext of A Book\n\n", BODY),
        (HEADER + OLD + START + BODY + "End of the Project Gutenberg EBook of A Book\n\n" + END + LICENCE, BODY),
        (HEADER + "*END THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.03.17.97*END*\n" + BODY, BODY),
        (HEADER + START + BODY, BODY),
        (BODY + END + LICENCE, BODY),
        (BODY + END + LICENCE.replace("newsletter", "letter"), BODY),
        (BOOK + BOOK, BODY * 2),
        ("Mine.\n" + BOOK + "Mine too.\n\n" + BOOK + "The end.\n", f"Mine.\n{BODY}Mine too.\n\n{BODY}The end.\n"),
    ],
    ids=["today", "CRLF", "mark", "this", "no space", "long title", "1993", "etext", "2003", "1997", "no end",
         "no start", "no last line", "two books", "own text"],
)  # fmt: skip
def test_header_and_licence_are_left_out(text, prose, tmp_path):
    assert prose_of(tmp_path / "book.txt", text) == prose
    assert prose_of(tmp_path / "book.txt", text, keep_boilerplate=True) == text.replace("\r\n", "\n").lstrip("\ufeff")


@pytest.mark.parametrize("size", [64, 200, 1_000])
def test_blocks_of_any_size_have_the_same_text(size, tmp_path, monkeypatch):
    text = BOOK + "Mine too.\n\n" + BOOK
    monkeypatch.setattr(corpus_module, "BLOCK_SIZE", size)
    corpus = Corpus([write(tmp_path / "book.txt", text)])
    assert "".join(corpus.texts()) == BODY + "Mine too.\n\n" + BODY
    lines = text.split("\n")
    for block in corpus.blocks():
        assert lines[block.line - 1] == block.data.decode().split("\n")[0]


@pytest.mark.parametrize(
    "text",
    [
        "I found it at Project Gutenberg.\n\nThe *** START OF THE PROJECT GUTENBERG EBOOK is a line.\n",
        "PROJECT GUTENBERG\n\nA history of Gutenberg, who printed.\nEnd of Project Gutenberg, some say.\n",
        "START OF THE PROJECT\nEND OF THE PROJECT\n*** END OF THE STORY ***\n",
        "A small print\nTHE SMALL PRINT!\n",
    ],
)
def test_a_text_that_mentions_the_project_stays_whole(text, tmp_path):
    assert prose_of(tmp_path / "text.txt", text) == text


def test_a_note_names_the_lines_and_the_option(tmp_path):
    corpus = Corpus([write(tmp_path / "book.txt", BOOK)])
    left = BOOK.count("\n") - BODY.count("\n")
    assert corpus.notes == (
        f"left out the Project Gutenberg header and licence of {tmp_path}/book.txt ({left} of {BOOK.count(chr(10))} "
        "lines); `keep_boilerplate` keeps them",
    )
    assert Corpus([tmp_path / "book.txt"], ReadConfig(keep_boilerplate=True)).notes == ()
    assert Corpus([write(tmp_path / "text.txt", BODY)]).notes == ()


def test_they_are_left_out_of_pages_and_books(tmp_path):
    paragraphs = [part for part in BOOK.split("\n\n") if part]
    page = PAGE.format("".join(f"<p>{part}</p>" for part in paragraphs))
    page = page.replace(START, f"<div>{START}</div>").replace(END, f"<div>{END}</div>")
    assert prose_of(tmp_path / "book.html", page).strip() == BODY.strip()
    book = epub({"OEBPS/text/z z.xhtml": page, "OEBPS/text/a.xhtml": PAGE.format("")})
    assert prose_of(tmp_path / "book.epub", book).strip() == BODY.strip()
