"""Files of the formats that are converted: HTML, Markdown, EPUB, subtitles, tables, chats."""

from rnnwords.config import ReadConfig
from rnnwords.errors import CorpusError
from rnnwords.text.reading.corpus import Corpus
from tests.faults.fuzz.choices import Choices, folder
from tests.text.formats.books import CONTAINER, HEADER, LICENCE, PACKAGE, START, epub
from tests.texts import ODD

ENDINGS = (".txt", ".md", ".html", ".srt", ".vtt", ".csv", ".tsv", ".jsonl", ".epub")
PARTS = (
    "<p>", "</p>", "<pre><code>", "<table><td>", "</table>", "<a b='", "<!--", "-->", "<![", "&#", "<ruby><rt>",
    "<nav>",
    "# ", "* ", "> ", "- ", "[", "](", "![", "`", "```\n", "    ", "---\n", "| a |\n|-|\n", "[^1]: ", "[[", "]]",
    "\n\n",
    "1\n00:00:01,000 --> 00:00:02,000\n", "WEBVTT\n\n", "NOTE ", "<v A>", '"', ",", ";", "\t", '{"a": "b"}\n', "{",
    "\\u",
    "[12:03] a: b\n", "1/2/24, 3:04 - A: c\n", HEADER, START, LICENCE, "the cat", *ODD[0], *ODD[1],
)  # fmt: skip


def check(data: bytes) -> None:
    """Raise only on a finding: anything but a text of valid characters or a CorpusError."""
    choices = Choices(data)
    ending = choices.one_of(ENDINGS)
    content = choices.text(40, PARTS).encode("utf-8", "surrogateescape")
    if ending == ".epub":
        content = epub({choices.one_of(("META-INF/container.xml", "OEBPS/book.opf", "OEBPS/text/a.xhtml")):
                        (choices.one_of((CONTAINER, PACKAGE, "")).encode() + content)})  # fmt: skip
    path = folder() / f"text{ending}"
    path.write_bytes(content)
    try:
        text = "".join(Corpus([path], ReadConfig(text_field=choices.one_of((None, "a")))).texts())
    except CorpusError as error:
        named = str(path) in str(error)
    else:
        text.encode()
        named = "\0" not in text
    assert named
