"""Prose of Markdown, HTML, EPUB, subtitles, tables and chats."""

import gzip

import pytest

from rnnwords.errors import CorpusError
from tests.text.formats.books import PACKAGE, PAGE, PROSE, epub
from tests.text.formats.prose import prose_of

MARKDOWN = {
    "front matter": ('---\ntitle: "x"\ntags: [a, b]\n---\n\n# Head *one*\n\nText.\n', "Head one\n\nText.\n"),
    "TOML": ("+++\ntitle = 1\n+++\nText.\n", "Text.\n"),
    "rule at the start": ("---\n\nText.\n\n---\n\nMore.\n", "Text.\n\nMore.\n"),
    "inline": ("A *b* **c** ***d***_e_ `f g` ~~h~~ ==i== snake_case_j 2 * 3 \\* &amp;\n",
               "A b c de f g h i snake_case_j 2 * 3 * &\n"),
    "links": ('[a b](http://x.y/z "t") ![alt](p.png)<http://auto.z> [[Page|c d]] [[e]] ![[f.png]] [g]\n\n[g]: http://g.h\n',
              "a b http://auto.z c d e g\n"),
    "wrapped": ("One\ntwo  \nthree\n", "One two\nthree\n"),
    "code": ("A:\n\n```python\nx = 1\n```\n\n    y = 2\n\nB\n", "A:\n\nB\n"),
    "table": ("A\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nB\n", "A\n\nB\n"),
    "lists": ("* a\n* b\n  1. c\n  2. d\n\n- [ ] e\n- [x] f\n", "a\nb\nc\nd\n\ne\nf\n"),
    "notes": ("A[^1].\n\n[^1]: B.\n\n> [!NOTE]\n> C\n> d\n", "A.\n\nB.\n\nC d\n"),
    "HTML": ("<div align=center>\n<p>A <b>b</b></p>\n</div>\n\n<!-- c -->\nD<br>e\n", "A b\n\nD\ne\n"),
}  # fmt: skip


@pytest.mark.parametrize("kind", MARKDOWN)
def test_markdown_becomes_prose(kind, tmp_path):
    content, prose = MARKDOWN[kind]
    assert prose_of(tmp_path / "notes.md", content) == prose
    assert prose_of(tmp_path / "notes.markdown.gz", gzip.compress(content.replace("\n", "\r\n").encode())) == prose


def test_code_is_kept_if_requested(tmp_path):
    text = "A:\n\n```python\nx = 1\n  y\n```\n"
    assert prose_of(tmp_path / "notes.md", text, keep_code=True) == "A:\n\nx = 1\n  y\n"
    page = "<p>A<pre><code>x = <b>1</b></code></pre><div class=highlight><pre>y</pre></div>"
    assert prose_of(tmp_path / "page.html", page, keep_code=True) == "A\n\nx = 1\n\ny\n"
    assert prose_of(tmp_path / "page.html", page) == "A\n"


PAGES = {
    "head": ("<!DOCTYPE html><html><head><title>T</title><style>p{}</style><script>a='<p>'</script></head><body>A",
             "A\n"),
    "open head": ("<head><title>T</title><meta charset=utf-8><body><p>A", "A\n"),
    "entities": ("<p>Roses &amp; t&nbsp;b. It&#39;s &eacute; &#x2014; AT&T 1 < 2",
                 "Roses & t\u00a0b. It's \u00e9 \u2014 AT&T 1 < 2\n"),
    "inline": ("<p>A wo<b>r</b>d, <em> b</em> c<a href=x>d</a><code>e f</code><wbr>g <q>h</q>.",
               "A word, b cde fg \u201ch\u201d.\n"),
    "blocks": ("<h1>A\n  b</h1><p>C<br>d<p>E<div>F</div>g<hr>h", "A b\n\nC\nd\n\nE\n\nF\n\ng\n\nh\n"),
    "lists": ("<ul><li>a<li>b <ul><li>c</ul></ul><dl><dt>d<dd>e</dl>", "a\nb\nc\n\nd\ne\n"),
    "left out": ("<nav>N</nav><p>A<!-- <p>c --><noscript>n</noscript><svg><text>t</text></svg><p hidden>h</p>"
                 "<sup class=reference>[1]</sup><span class='x pagenum'>12</span>.<select><option>o</select>",
                 "A\n\n.\n"),
    "preformatted": ("<p>A<pre>  b\n\n\n c <i>d</i> e\n</pre>f", "A\n\n  b\n\n c d e\n\nf\n"),
    "data": ("<p>A<table><tr><th>b<th>c<tr><td>1<td>2</table>d", "A\n\nd\n"),
    "layout": ("<table><tr><td><p>A</p><table><tr><td>1</table><p>B</p></table>", "A\n\nB\n"),
    "ruby": ("<p><ruby>\u6f22<rp>(</rp><rt>kan</rt><rp>)</rp>\u5b57<rt>ji</ruby>\u3002", "\u6f22\u5b57\u3002\n"),
    "Word": ("<p>A<![if !x]>b<![endif]><?xml x?>c", "Abc\n"),
    "empty": ("<p>&nbsp;</p><p>A</p><p> </p><p>B</p>", "A\n\nB\n"),
}  # fmt: skip


@pytest.mark.parametrize("kind", PAGES)
def test_pages_become_prose(kind, tmp_path):
    content, prose = PAGES[kind]
    assert prose_of(tmp_path / "page.html", content) == prose
    assert prose_of(tmp_path / "PAGE.HTM.gz", gzip.compress(content.encode("utf-16"))) == prose


def test_a_page_is_decoded_by_the_encoding_that_it_declares(tmp_path):
    page = '<meta charset="{}"><p>Das sch\u00f6ne \u201eMa\u00df\u201c'
    for name, encoding in (
        ("iso-8859-1", "cp1252"),
        ("windows-1252", "cp1252"),
        ("latin1", "utf-8"),
        ("utf-8", "utf-8"),
    ):
        content = page.format(name).encode(encoding)
        assert prose_of(tmp_path / "page.html", content) == "Das sch\u00f6ne \u201eMa\u00df\u201c\n"
    with pytest.raises(
        CorpusError, match=r"page\.html, line 1, byte \d+: expected UTF-8, found 0xf6, probably windows-1252"
    ):
        prose_of(tmp_path / "page.html", page.format("utf-8").encode("cp1252"))


def test_chapters_of_a_book_are_read_in_the_order_of_its_spine(tmp_path):
    assert prose_of(tmp_path / "book.epub", epub()) == PROSE
    latin = PAGE.replace("utf-8", "iso-8859-1").format("<p>\u00e9t\u00e9</p>").encode("latin-1")
    old = PACKAGE.replace("opf:", "").replace("?>", '?>\n<!DOCTYPE package PUBLIC "x" "http://x.y/z.dtd">', 1)
    book = epub({"OEBPS/text/a.xhtml": latin, "OEBPS/book.opf": old})
    assert prose_of(tmp_path / "book.epub", book).endswith("life.\n\n\u00e9t\u00e9\n")


SUBTITLES = {
    "srt": ("1\n00:00:01,000 --> 00:00:03,500\n<i>Where?</i>\n\n2\n00:00:04,000 --> 00:00:06,200 X1:0\n{\\an8}- It\n"
            "sailed.\n- In\\N1999\n1999\n\n3\n00:00:07,000 --> 00:00:09,900\n42\n",
            "Where?\n- It sailed.\n- In 1999 1999\n42\n"),
    "vtt": ("WEBVTT - x\nKind: y\n\nSTYLE\n::cue {}\n\nNOTE n\nm\n\nname\n00:00.000 --> 00:02.000 align:start\n"
            "<v Anna>A <c.loud>b</c> 1 < 2 &amp; &lt;3\n\n00:00:02.000 --> 00:00:03.000\nNo!\n\n4\n"
            "00:00:03.000 --> 00:00:04.000\nNo!\n", "A b 1 < 2 & <3\nNo!\nNo!\n"),
    "rolling": ("WEBVTT\n\n00:00.000 --> 00:01.000\n \nso<00:00.500><c> we</c>\n\n00:01.000 --> 00:01.010\nso we\n \n\n"
                "00:01.010 --> 00:02.000\nso we\ngo to\n\n00:02.000 --> 00:02.010\ngo to\n\n00:02.010 --> 00:03.000\n"
                "go to\nthe sea\n", "so we\ngo to\nthe sea\n"),
}  # fmt: skip


@pytest.mark.parametrize("kind", SUBTITLES)
def test_subtitles_become_lines(kind, tmp_path):
    content, prose = SUBTITLES[kind]
    for text in (content, "\ufeff" + content.replace("\n", "\r\n")):
        assert prose_of(tmp_path / f"film.{'srt' if kind == 'srt' else 'vtt'}", text) == prose


CHATS = {
    "WhatsApp": ("12/03/2023, 14:05 - Ana: hola! a las 5:15?\n12/03/2023, 14:07 - Ana: <Media omitted>\n"
                 "12/03/2023, 14:09 - Leo: s\u00ed\n", "Ana: hola! a las 5:15?\nLeo: s\u00ed\n"),
    "iPhone": ("\u200e[12.03.24, 10:15:32] Anna: hi\nsecond\n[3/12/24, 2:05\u202fPM] Bob B.: yo\n"
               "\u200e[12.03.24, 10:15:32] +49 170: \u200e<attached: 1.jpg>\n", "Anna: hi\nsecond\nBob B.: yo\n"),
    "IRC": ("[12:03] anna: hi\n12:04 <bob> x\n2024-03-12 14:05:11 anna: y\n", "anna: hi\n<bob> x\nanna: y\n"),
}  # fmt: skip


@pytest.mark.parametrize("kind", CHATS)
def test_times_of_chats_are_left_out(kind, tmp_path):
    content, prose = CHATS[kind]
    assert prose_of(tmp_path / "chat.txt", content) == prose
    assert prose_of(tmp_path / "chat.txt", content, as_is=True) == content


@pytest.mark.parametrize(
    "text",
    [
        "12:30 lunch\n13:00 talk\n",
        "1:10 And the dry land\n1:11 And it was said: let there\n1:12 And\n",
        "[12:03] anna: hi\nA story that quotes one line.\nAnd goes on.\n",
        "Anna: hi\nBob: yo\n",
    ],
)
def test_a_text_with_few_times_of_messages_stays_whole(text, tmp_path):
    assert prose_of(tmp_path / "text.txt", text) == text


def test_a_column_of_a_table_is_read(tmp_path):
    table = 'id;Text;n\n1;"A ""b""\nc";3\n2;D;4\n3\n'
    assert prose_of(tmp_path / "t.csv", table, text_column="Text") == 'A "b"\nc\n\nD\n\n'
    assert prose_of(tmp_path / "t.csv", "sep=|\na|b\n1|x;y\n", text_column="b") == "x;y\n\n"
    assert prose_of(tmp_path / "t.TSV", 'a\tb\n1\tx, "y"\n', text_column="B") == 'x, "y"\n\n'
    assert prose_of(tmp_path / "t.csv", "text\nhello\nworld\n") == "hello\n\nworld\n\n"


def test_a_field_of_json_lines_is_read(tmp_path):
    lines = '{"t": "a\\nb \\ud800\\u0000", "m": {"t": "deep"}}\n\n{"t": "c", "m": {"t": "er"}, "m.t": "x"}\n'
    assert prose_of(tmp_path / "l.jsonl", lines, text_field="t") == "a\nb \ufffd\n\nc\n\n"
    assert prose_of(tmp_path / "l.ndjson", lines, text_field="m.t") == "deep\n\nx\n\n"
    assert prose_of(tmp_path / "l.jsonl", '{"text": "a"}\n') == "a\n\n"
