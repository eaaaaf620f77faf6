"""EPUB books and files of Project Gutenberg that tests read; all of it is written for them."""

import io
import zipfile
from collections.abc import Mapping

CONTAINER = '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
PACKAGE = """<?xml version="1.0"?>
<opf:package xmlns:opf="http://www.idpf.org/2007/opf" version="3.0"><opf:manifest>
<opf:item id="a" href="text/a.xhtml" media-type="application/xhtml+xml"/>
<opf:item id="z" href="text/z%20z.xhtml#top" media-type="application/xhtml+xml"/>
<opf:item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>
<opf:item id="notes" href="notes.xhtml" media-type="application/xhtml+xml"/>
<opf:item id="picture" href="a.png" media-type="image/png"/>
</opf:manifest><opf:spine>
<opf:itemref idref="picture"/><opf:itemref idref="nav"/><opf:itemref idref="z"/><opf:itemref idref="a"/>
<opf:itemref idref="notes" linear="no"/><opf:itemref idref="none"/>
</opf:spine></opf:package>"""
PAGE = '<?xml version="1.0" encoding="utf-8"?><html><head><title>T</title></head><body>{}</body></html>'
FILES = {
    "META-INF/container.xml": CONTAINER,
    "OEBPS/book.opf": PACKAGE,
    "OEBPS/nav.xhtml": PAGE.format("<p>Contents</p>"),
    "OEBPS/notes.xhtml": PAGE.format("<p>Notes</p>"),
    "OEBPS/text/a.xhtml": PAGE.format('<p>The <i>end</i>.<span epub:type="pagebreak" title="2"/></p>'),
    "OEBPS/text/z z.xhtml": PAGE.format("<h1>One</h1><p>It began<br/>in r&#233;al life.</p>"),
    "OEBPS/a.png": "no picture",
}
PROSE = "One\n\nIt began\nin r\u00e9al life.\n\nThe end.\n"

HEADER = "The Project Gutenberg eBook of A Book\n\nThis ebook is for the use of anyone.\n\nTitle: A Book\n\n"
START = "*** START OF THE PROJECT GUTENBERG EBOOK A BOOK ***\n"
END = "*** END OF THE PROJECT GUTENBERG EBOOK A BOOK ***\n"
LICENCE = (
    "\nUpdated editions will replace the previous one.\n\nSTART: FULL LICENSE\n\n"
    + "Project Gutenberg is a mark.\n" * 30
    + "This website includes information about Project Gutenberg,\nincluding how to\n"
    "subscribe to our email newsletter to hear about new eBooks.\n"
)  # fmt: skip


def epub(changes: Mapping[str, str | bytes | None] = {}) -> bytes:
    """Return a book, with some of its files changed or, for None, left out."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        for name, text in {**FILES, **changes}.items():
            if text is not None:
                archive.writestr(name, text)
    return content.getvalue()
