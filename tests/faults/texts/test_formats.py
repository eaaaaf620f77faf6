"""Files of other formats that are damaged, hostile or too large: one line each, and nothing is written."""

import struct

import pytest

from rnnwords.text.formats import epub as epub_module
from rnnwords.text.formats import markdown, web_page
from tests.faults.texts.samples import COMMANDS
from tests.processes import ask
from tests.text.formats.books import CONTAINER, PACKAGE, epub
from tests.texts import write

TABLE = b"id,Text\n1,a\n"
BAD = {
    "no book.epub": (b"The cat.\n", "which is a ZIP archive, found another file"),
    "cut.epub": (epub()[:900], "expected an EPUB book"),
    "no container.epub": (epub({"META-INF/container.xml": None}), r"with the file META-INF/container\.xml, found none"),
    "no chapter.epub": (epub({"OEBPS/text/a.xhtml": None}), r"with the file OEBPS/text/a\.xhtml, found none"),
    "outside.epub": (epub({"META-INF/container.xml": CONTAINER.replace("OEBPS", "../..")}), "found none"),
    "no spine.epub": (epub({"OEBPS/book.opf": "<package/>"}), "expected an EPUB book with chapters, found none"),
    "secret.epub": (epub({"META-INF/encryption.xml": '<CipherReference URI="OEBPS/text/a.xhtml"/>'}), r"\(DRM\)"),
    "damaged.epub": (epub().replace(struct.pack("<I", 0x04034B50), b"PK\3\5", 3), "expected an EPUB book, "),
    "none.csv": (TABLE, r"none\.csv: expected --text-column, .*found none; choose one of 'id', 'Text'"),
    "quote.csv": (b'text\n"a\n', r"quote\.csv, line 2: expected CSV"),
    "list.jsonl": (b'{"t": "a"}\n[1]\n', r"list\.jsonl, line 2: expected a JSON object, found a list"),
    "cut.jsonl": (b'{"t": "a"}\n{"t": \n', r"cut\.jsonl, line 2: expected a JSON object, found "),
    "number.jsonl": (b'{"t": 1}\n', r"number\.jsonl, line 1: expected --text-field"),
    "deep.jsonl": (b'{"t": ' + b"[" * 100_000, r"deep\.jsonl, line 1: expected a JSON object"),
    "empty.html": (b"<nav>n</nav><script>x</script>", "expected .*word.*, found none"),
    "latin.md": (
        "Gr\u00fc\u00dfe".encode("latin-1"), r"latin\.md, line 1, byte 3: .*probably windows-1252; convert it: ",
    ),
    "a.pdf": (b"The cat.\n", r"a\.pdf: expected a text, found a PDF file by its name; convert it: pdftotext FILE"),
    "a.docx": (b"The cat.\n", "pandoc -t plain"),
    "a.odt": (b"The cat.\n", "pandoc -t plain"),
    "a.rtf": (b"The cat.\n", "pandoc -t plain"),
    "a.doc": (b"The cat.\n", "soffice"),
    "a.azw3": (b"The cat.\n", "ebook-convert"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_row_62_a_file_that_cannot_be_converted_is_named(name, refused, tmp_path):
    content, message = BAD[name]
    write(tmp_path / name, content)
    refused("build-vocab", name, f"^Error: .*{message}")


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != "report"])
def test_row_62_every_command_names_the_column_that_it_lacks(command, refused, tmp_path):
    write(tmp_path / "t.csv", TABLE)
    refused(
        command,
        "t.csv",
        r"t\.csv: expected a column 'x', found only 'id', 'Text'; check --text-column",
        "--text-column",
        "x",
    )


def test_row_62_formats_that_are_read_whole_have_a_limit(refused, tmp_path, monkeypatch):
    monkeypatch.setattr(web_page, "MAX_PAGE", 1 << 20)
    monkeypatch.setattr(markdown, "MAX_SIZE", 1 << 20)
    for name in ("large.html", "large.md"):
        write(tmp_path / name, b"cat " * (1 << 19))
        refused("build-vocab", name, f"{name}: expected at most 1 MB in this format")
        (tmp_path / name).unlink()


def test_row_62_an_archive_that_expands_without_end_is_refused(refused, tmp_path, monkeypatch):
    monkeypatch.setattr(epub_module, "MAX_TEXT", 1 << 20)
    write(tmp_path / "bomb.epub", epub({"OEBPS/text/a.xhtml": b"<p>" + b"a" * (8 << 20)}))
    refused("build-vocab", "bomb.epub", r"bomb\.epub: expected a book with at most 1 MB of text, found more")


def test_row_62_entities_of_a_book_expand_to_nothing(tmp_path, capsys, monkeypatch):
    entities = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    package = PACKAGE.replace(
        "?>", f'?>\n<!DOCTYPE p [<!ENTITY a "aaaa"><!ENTITY x SYSTEM "file:///etc/passwd">{entities}]>', 1
    )
    page = "<!DOCTYPE html [" + entities + "]><p>The cat &x; &i;</p>"
    path = write(tmp_path / "book.epub", epub({"OEBPS/book.opf": package, "OEBPS/text/a.xhtml": page}))
    status, out, err = ask(capsys, monkeypatch, "build-vocab", path)
    assert status == 0, err
    assert "root" not in out
    assert len(out) < 2_000


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *((f"{number}.html", (part * 30_000)[:300_000] + "<p>cat") for number, part in enumerate(
            ("<div>", "<table><td>", "<b>", "<a", '<a b="', "<!--", "<![", "<?", "</", "&#", "<ul><li>"))),
        *((f"{number}.md", (part * 3_000)[:9_000] + "\n\ncat\n") for number, part in enumerate(
            ("> ", "- ", "1. ", "[", "![", "*a ", "**a", "`", "<a", "[[")) ),
        ("steps.md", "".join("  " * depth + "- a\n" for depth in range(300))),
    ],
)  # fmt: skip
def test_row_62_deeply_nested_files_are_read(name, content, tmp_path, capsys, monkeypatch):
    path = write(tmp_path / name, "cat\n\n" + content)
    status, out, err = ask(capsys, monkeypatch, "build-vocab", path)
    assert status == 0, err
    assert "cat\t" in out
