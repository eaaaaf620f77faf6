"""Files that contain no text, recognised by their first bytes, each with the way to get a text out of it.

A text is never refused for its words: libraries that guess the type of a file take one that begins with "BMW" for an
image. So a signature without control characters counts only if a NUL byte follows, which no text contains; those of
PDF, RTF, PostScript and Zstandard, and the marks of UTF-16, count alone, since such a file can lack NUL bytes, and no
text in UTF-8 begins like it.
"""

import codecs

from rnnwords.errors import CorpusError

HEAD_SIZE = 4096  # bytes that are searched
_PLAIN = "convert it to plain text, as with {}"
_DECOMPRESS = "decompress it with {}, and pass the result"
_UNPACK = "unpack it, and pass the text files in it"
_EXPORT = "export its text to a text file, and pass that"
_OTHER = "pass a text file"
_CONVERT = "convert it with iconv -f {} -t UTF-8"
_PANDOC = _PLAIN.format("pandoc -t plain")
_CSV = "save it as CSV or text"

_GZIP, _ZSTANDARD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_BZIP2 = tuple(b"BZh%d1AY&SY" % level for level in range(1, 10))
# First bytes, name, remedy.
_SIGNATURES = (
    (codecs.BOM_UTF32_LE, "UTF-32", _CONVERT.format("UTF-32")),  # a file with these marks is read
    (codecs.BOM_UTF32_BE, "UTF-32", _CONVERT.format("UTF-32")),
    (codecs.BOM_UTF16_LE, "UTF-16", _CONVERT.format("UTF-16")),
    (codecs.BOM_UTF16_BE, "UTF-16", _CONVERT.format("UTF-16")),
    (b"%PDF-", "a PDF file", _PLAIN.format("pdftotext")),
    (b"{\\rtf", "an RTF document", _PANDOC),
    (b"%!PS-Adobe-", "a PostScript file", _PLAIN.format("ps2ascii")),
    (_GZIP, "gzip data", _DECOMPRESS.format("gzip -dc")),
    (b"\xfd7zXZ\0", "xz data", _DECOMPRESS.format("xz -dc")),
    *((signature, "bzip2 data", _DECOMPRESS.format("bzip2 -dc")) for signature in _BZIP2),
    (_ZSTANDARD, "Zstandard data", _DECOMPRESS.format("zstd -dc")),
    (b"\x04\x22\x4d\x18", "LZ4 data", _DECOMPRESS.format("lz4 -dc")),
    (b"LZIP\x01", "lzip data", _DECOMPRESS.format("lzip -dc")),
    (b"\x1f\x9d", "data of compress", _DECOMPRESS.format("gzip -dc")),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"PK\x03\x04", "a ZIP archive", _UNPACK),
    (b"PK\x05\x06", "a ZIP archive", _UNPACK),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Microsoft Office document", _PLAIN.format("antiword or LibreOffice")),
    (b"\x89PNG\r\n\x1a\n", "a PNG image", _OTHER),
    (b"\xff\xd8\xff", "a JPEG image", _OTHER),
    (b"GIF87a", "a GIF image", _OTHER),
    (b"GIF89a", "a GIF image", _OTHER),
    (b"II*\0", "a TIFF image", _OTHER),
    (b"MM\0*", "a TIFF image", _OTHER),
    (b"BM", "a BMP image", _OTHER),
    (b"AT&TFORM", "a DjVu document", _PLAIN.format("djvutxt")),
    (b"RIFF", "a sound, video or image file", _OTHER),
    (b"ID3", "an MP3 file", _OTHER),
    (b"\xff\xfb", "an MP3 file", _OTHER),
    (b"OggS", "an Ogg file", _OTHER),
    (b"fLaC", "a FLAC file", _OTHER),
    (b"\x1aE\xdf\xa3", "a Matroska video", _OTHER),
    (b"\x7fELF", "a program", _OTHER),
    (b"MZ", "a Windows program", _OTHER),
    (b"\xca\xfe\xba\xbe", "a program", _OTHER),
    (b"\xcf\xfa\xed\xfe", "a program", _OTHER),
    (b"\0asm", "a program", _OTHER),
    (b"SQLite format 3\0", "an SQLite database", _EXPORT),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", _OTHER),
    (b"\x93NUMPY", "a NumPy array", _OTHER),
    (b"PAR1", "a Parquet file", _EXPORT),
    *((bytes((0x80, protocol)), "a Python pickle", _OTHER) for protocol in range(2, 6)),
)  # fmt: skip
# Names in a ZIP archive -> what it is.
_IN_ZIP = (
    (b"application/epub+zip", "an EPUB book", "rename it to end in .epub"),
    (b"application/vnd.oasis.opendocument.spreadsheet", "an OpenDocument spreadsheet", _CSV),
    (b"application/vnd.oasis.opendocument", "an OpenDocument file", _PANDOC),
    (b"word/", "a Word document", _PANDOC),
    (b"xl/", "an Excel workbook", _CSV),
    (b"ppt/", "a PowerPoint presentation", _PANDOC),
)
_ALONE = (
    codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b"%PDF-", b"{\\rtf", b"%!PS-Adobe-", _ZSTANDARD,
    *_BZIP2,
)  # fmt: skip
_PRINTABLE = bytes(range(0x20, 0x7F))
_BLANKS = " \n\u3000"
_WIDE = ("UTF-32LE", "UTF-32BE", "UTF-16LE", "UTF-16BE")


def refuse_other_formats(head: bytes, name: str, gz: str | None = None, *, unmarked: bool = True) -> None:
    """Raise CorpusError if the input `name` with these first HEAD_SIZE bytes contains no text; `gz`: its other name.

    `unmarked`: also for what seems to be UTF-16 or UTF-32 without a byte-order mark.
    """
    if found := format_of(head) or (_unmarked(head) if unmarked and b"\0" in head else None):
        what, remedy = found
        if gz and head.startswith(_GZIP):
            remedy = f"rename it to {gz}"
        raise CorpusError(f"{name}: expected a text, found {what}; {remedy}")


def format_of(head: bytes) -> tuple[str, str] | None:
    """Return what a file with these first HEAD_SIZE bytes is, and what to do with it; None for no known signature."""
    for signature, name, remedy in _SIGNATURES:
        if head.startswith(signature) and (b"\0" in head or signature in _ALONE or min(signature) < 0x20):
            inside = (entry[1:] for entry in _IN_ZIP if signature.startswith(b"PK") and entry[0] in head)
            return next(inside, (name, remedy))
    if head[257:262] == b"ustar" and b"\0" in head:
        return "a tar archive", _UNPACK
    if head[60:68] == b"BOOKMOBI":
        return "a Kindle book", "convert it to EPUB, as with ebook-convert FILE NEW.epub"
    if head[4:8] == b"ftyp" and b"\0" in head:
        return "a video file", _OTHER
    if head[8:9] == b"{" and head[5:8] == bytes(3):
        return "a safetensors file", _OTHER
    return None


def _unmarked(head: bytes) -> tuple[str, str] | None:
    """Return UTF-16 or UTF-32 without a byte-order mark: valid, without U+0000, with blanks or line ends.

    In other texts with NUL bytes, such as the output of `find -print0`, most bytes are printable ASCII characters.
    """
    if len(head.translate(None, _PRINTABLE)) < len(head) / 4:
        return None
    found: str | None = None
    most = 0.001  # blanks per character: a Chinese paragraph has few
    for encoding in _WIDE:
        width = int(encoding[4:6]) // 8
        try:
            text = head[: len(head) // width * width].decode(encoding)
        except UnicodeDecodeError as error:
            if error.end < len(head) - width:  # else the head ends within a surrogate pair
                continue
            text = head[: error.start].decode(encoding)
        blanks = sum(text.count(blank) for blank in _BLANKS) / max(1, len(text))
        if "\0" not in text and blanks > most:
            most, found = blanks, encoding
    if found is None:
        return None
    return f"{found[:-2]} without a byte-order mark", _CONVERT.format(found)
