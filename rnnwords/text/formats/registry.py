"""Formats by the endings of names: how each becomes text, and with which program those are converted that do not."""

from collections.abc import Callable, Iterator

from rnnwords.errors import CorpusError
from rnnwords.text.formats.chat import is_chat, text_of_chat
from rnnwords.text.formats.epub import text_of_epub
from rnnwords.text.formats.markdown import text_of_markdown
from rnnwords.text.formats.source import Source, ending
from rnnwords.text.formats.subtitles import text_of_subtitles
from rnnwords.text.formats.tables import texts_of_csv, texts_of_json_lines
from rnnwords.text.formats.web_page import text_of_page

Converter = Callable[[Source], str | Iterator[str]]
PLAIN = (".txt", ".text")
CONVERTERS: dict[str, Converter] = {
    **dict.fromkeys((".md", ".markdown"), text_of_markdown),
    **dict.fromkeys((".html", ".htm", ".xhtml"), text_of_page),
    ".epub": text_of_epub,
    **dict.fromkeys((".srt", ".vtt"), text_of_subtitles),
    **dict.fromkeys((".csv", ".tsv"), texts_of_csv),
    **dict.fromkeys((".jsonl", ".ndjson"), texts_of_json_lines),
}
TABLES = {".csv": "text_column", ".tsv": "text_column", ".jsonl": "text_field", ".ndjson": "text_field"}
_PANDOC = "pandoc -t plain FILE -o NEW.txt"
_OFFICE = "soffice --headless --convert-to {} FILE"
# Ending -> what it is, and the command that converts it.
_OTHERS = {
    ".pdf": ("a PDF file", "pdftotext FILE NEW.txt"),
    ".docx": ("a Word document", _PANDOC),
    ".odt": ("an OpenDocument text", _PANDOC),
    ".rtf": ("an RTF document", _PANDOC),
    ".doc": ("an old Word document", _OFFICE.format("txt:Text")),
    ".pptx": ("a PowerPoint presentation", _OFFICE.format("pdf") + ", then pdftotext"),
    ".xlsx": ("an Excel workbook", _OFFICE.format("csv") + ", then pass the .csv file"),
    **dict.fromkeys((".mobi", ".azw", ".azw3"), ("a Kindle book", "ebook-convert FILE NEW.epub")),
}
# First characters of a plain text -> what it seems to be, and the ending of such files.
_LOOKS = {"<!doctype html": ("HTML", ".html"), "<html": ("HTML", ".html"), "webvtt\n": ("subtitles", ".vtt"),
          "1\n00:0": ("subtitles", ".srt"), "{\\rtf": ("RTF", ".rtf")}  # fmt: skip


def is_text(name: str) -> bool:
    """Return whether a file in a directory is read, by the ending of its name."""
    kind = ending(name)
    return kind in PLAIN or (kind in CONVERTERS and not (kind == ".epub" and name.lower().endswith(".gz")))


def refuse_ending(name: str) -> None:
    """Raise CorpusError for a file that its name shows to need another program."""
    if found := _OTHERS.get(ending(name)):
        what, command = found
        raise CorpusError(
            f"{name}: expected a text, found {what} by its name; convert it: {command}, or rename a plain text"
        )


def converter_of(name: str, head: str) -> Converter | None:
    """Return how a file becomes text, by its name and first characters; None: it is read as it is."""
    return CONVERTERS.get(ending(name)) or (text_of_chat if is_chat(head) else None)


def seems(head: str) -> tuple[str, str] | None:
    """Return what a plain text seems to be by its first characters, and the ending of such files, if it is no text."""
    start = head.lstrip()[:20].lower()
    return next((found for mark, found in _LOOKS.items() if start.startswith(mark)), None)
