"""HTML to prose, by the parser of the standard library: it reads a page as events, so nesting costs no stack.

Block elements become paragraphs with a blank line between, list items and <br> line ends; inline elements leave words
whole. Scripts, styles, navigation, code blocks, forms, ruby readings, page numbers and tables of data are left out.
"""

import codecs
import re
from html.parser import HTMLParser

from rnnwords.text.formats.source import Source, whole

MAX_PAGE = 32 << 20  # bytes
CHUNK = 1 << 18  # characters that are parsed at a time
MAX_REST = 1 << 12  # characters after the last whole tag
MAX_CELL = 150  # characters: a table whose cells are longer on average holds the layout of a page, not data

_SKIPPED = frozenset((
    "head", "title", "script", "style", "nav", "template", "noscript", "noembed", "noframes", "svg", "math",
    "canvas", "iframe", "object", "audio", "video", "select", "button", "textarea", "datalist", "map", "rt", "rp",
    "rtc",
))  # fmt: skip
_PARAGRAPHS = frozenset((
    "address", "article", "aside", "blockquote", "body", "center", "details", "dialog", "div", "dl", "fieldset",
    "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "html",
    "legend", "main", "menu", "ol", "p", "pre", "section", "summary", "table", "ul",
))  # fmt: skip
_LINES = frozenset(("br", "caption", "dd", "dt", "li", "option", "tbody", "td", "tfoot", "th", "thead", "tr"))
_VOID = frozenset((
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
))  # fmt: skip
# Classes and types of elements that are no part of the prose: numbers of printed pages, marks of notes, edit links.
_SKIPPED_CLASSES = frozenset((
    "pagenum", "pageno", "page-number", "pagebreak", "reference", "noteref", "footnote-ref", "fnanchor",
    "mw-editsection", "headerlink", "footnote-backref", "sr-only",
))  # fmt: skip
_BLANKS = re.compile(r"[ \t\n\r\f]+")
_CODE_CLASSES = ("highlight", "codehilite", "sourcecode", "prettyprint", "brush:", "syntaxhighlighter")
_CHARSET = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE)


def text_of_page(source: Source) -> str:
    """Return the prose of an HTML file. A page that is not UTF-8 is decoded by the encoding that it declares."""
    return prose(whole(source, MAX_PAGE, declared), source.read.keep_code)


def declared(data: bytes) -> str | None:
    """Return the encoding that a page declares in its first bytes, if Python has it."""
    if found := _CHARSET.search(data[:4096]):
        try:
            b"".decode(name := found[1].decode())
        except (LookupError, UnicodeError):
            return None
        if codecs.lookup(name).name.startswith("utf"):
            return None
        # As browsers do: pages that declare Latin-1 contain the quotation marks of Windows.
        return "windows-1252" if name.lower() in ("iso-8859-1", "latin1", "latin-1", "us-ascii", "ascii") else name
    return None


def prose(page: str, keep_code: bool) -> str:
    """Return the prose of HTML, in paragraphs with a blank line between."""
    parser = _Page(keep_code)
    parser.read(page)
    return parser.text()


class MarkupParser(HTMLParser):
    """The parser of the standard library, for files that may be damaged or hostile."""

    def read(self, text: str) -> None:
        """Parse a whole file."""
        for start in range(0, len(text), CHUNK):
            self.feed(text[start : start + CHUNK])
        if len(self.rawdata) > MAX_REST:
            self.rawdata = ""  # a tag or comment without an end, which the library would search through once per "<"
        self.close()

    def parse_marked_section(self, i: int, report: int = 1) -> int:
        """Return the end of what begins with <![, as in pages of Word; the method of the library raises for some."""
        return self.rawdata.find(">", i) + 1 or len(self.rawdata)


class _Page(MarkupParser):
    """Collects the text of a page while it is parsed."""

    def __init__(self, keep_code: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.keep_code = keep_code
        self.parts: list[str] = []
        self.ends = 0  # line ends before the next text
        self.space = False  # whether white space precedes the next text
        self.skipped = ""  # element that is left out with all in it
        self.depth = 0  # of such elements inside each other
        self.lists = 0  # depth of lists
        self.pre = 0  # depth of preformatted elements
        self.pre_start = 0  # where the outermost one begins in `parts`
        self.tables: list[tuple[int, int]] = []  # where each open table begins in `parts`, and the cells before it
        self.cells = 0
        self.has_prose = [False]  # per open table, and for the page: whether it contains paragraphs or headings

    def text(self) -> str:
        """Return what was collected."""
        while self.tables:
            self._end_table()
        return "".join(self.parts).rstrip() + "\n" if any(map(str.strip, self.parts)) else ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.skipped and (tag == "body" or (self.skipped in ("rt", "rp") and tag in ("rb", "rt", "rp"))):
            self.skipped = ""  # the end tags of these elements may be missing
        if self.skipped:
            self.depth += tag == self.skipped
            return
        self._break(self._ends_of(tag))
        self.lists += tag in ("ul", "ol")
        attributes = dict(attrs)
        is_code = not self.keep_code and self._is_code(tag, attributes)
        if tag not in _VOID and (tag in _SKIPPED or is_code or _is_left_out(attributes)):
            self.skipped, self.depth = tag, 1
        elif tag == "q":
            self._add("\u201c")
        elif tag == "pre":
            self.pre_start = self.pre_start if self.pre else len(self.parts)
            self.pre += 1
        elif tag == "table":
            self.tables.append((len(self.parts), self.cells))
            self.has_prose.append(False)
        elif tag in ("td", "th"):
            self.cells += 1
        elif tag in ("p", "h1", "h2", "h3", "blockquote"):
            self.has_prose[-1] = True

    def handle_endtag(self, tag: str) -> None:
        if self.skipped:
            self.depth -= tag == self.skipped
            if not self.depth or (self.skipped in ("rt", "rp") and tag == "ruby"):
                self.skipped = ""
        elif tag == "q":
            self.space = False
            self._add("\u201d")
        elif tag == "table" and self.tables:
            self._end_table()
        elif tag == "pre":
            self.pre = max(0, self.pre - 1)
        self.lists = max(0, self.lists - (tag in ("ul", "ol")))
        self._break(self._ends_of(tag) if tag != "br" else 0)

    def handle_data(self, data: str) -> None:
        if self.skipped:
            return
        if self.pre:
            *lines, last = data.split("\n")
            for line in lines:
                self._add(line.rstrip())
                self.ends = min(2, self.ends + 1)
            self._add(last)
            return
        words = _BLANKS.sub(" ", data)
        self.space = self.space or words[:1] == " "
        if words.isspace():  # also of no-break spaces, which fill empty paragraphs
            self.space = True
        elif text := words.strip(" "):
            self._add(text)
            self.space = words[-1:] == " "

    def _is_code(self, tag: str, attributes: dict[str, str | None]) -> bool:
        """Return whether an element is a block of code: <pre><code>, or what programs that color code write."""
        if tag == "code":
            return self.pre > 0 and self.pre_start == len(self.parts)
        kinds = (attributes.get("class") or "").lower().split() if tag in ("pre", "div") else []
        return any(kind.startswith(_CODE_CLASSES) for kind in kinds)

    def _ends_of(self, tag: str) -> int:
        """Return the line ends around an element: a list in a list is a part of it, not a paragraph."""
        if self.lists and tag in ("ul", "ol"):
            return 1
        return 2 if tag in _PARAGRAPHS else int(tag in _LINES)

    def _break(self, ends: int) -> None:
        """End the line (1) or the paragraph (2) before the next text."""
        self.ends = max(self.ends, ends)

    def _add(self, text: str) -> None:
        if not text:
            return
        if self.parts:
            self.parts.append("\n" * self.ends or " " * self.space)
        self.ends, self.space = 0, False
        self.parts.append(text)

    def _end_table(self) -> None:
        """Leave a table of data out; keep one that holds the layout of a page."""
        start, cells = self.tables.pop()
        has_prose = self.has_prose.pop()
        size = sum(map(len, self.parts[start:]))
        if not has_prose and size <= MAX_CELL * max(1, self.cells - cells):
            del self.parts[start:]
            self._break(2)
        else:
            self.has_prose[-1] = True


def _is_left_out(attributes: dict[str, str | None]) -> bool:
    """Return whether an element is hidden, or no part of the prose by its class or type."""
    if "hidden" in attributes:
        return True
    kinds = f"{attributes.get('class') or ''} {attributes.get('epub:type') or ''} {attributes.get('role') or ''}"
    return not _SKIPPED_CLASSES.isdisjoint(kinds.lower().replace("doc-", "").split())
