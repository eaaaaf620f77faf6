"""The likely encoding of a text that is not UTF-8, and the command that converts it.

charset-normalizer tells the scripts apart, and the languages of each. Among encodings that share their letters, it
takes one of the first that fit, so the Latin ones, the Greek ones and those of Japanese are told apart here.
"""

import shlex

SAMPLE = 1 << 16  # bytes
FEW = 4  # bytes: with fewer, nothing but the usual letters of the West is recognised
# Encoding of Python -> its usual name; iconv has all of these.
_NAMES = {
    "cp1252": "windows-1252", "cp1250": "windows-1250", "iso8859_2": "ISO-8859-2", "cp1251": "windows-1251",
    "koi8_r": "KOI8-R", "cp866": "CP866", "cp1253": "windows-1253", "iso8859_7": "ISO-8859-7",
    "cp1254": "windows-1254", "cp1255": "windows-1255", "cp1256": "windows-1256", "cp1257": "windows-1257",
    "cp874": "CP874", "cp932": "Shift_JIS", "euc_jp": "EUC-JP", "gb18030": "GB18030", "big5": "Big5",
    "cp949": "EUC-KR", "mac_roman": "Macintosh", "cp850": "CP850", "cp437": "CP437",
}  # fmt: skip
_ICONV = {"cp932": "CP932", "cp949": "CP949"}  # which have more characters than the standard that is named
_LATIN = frozenset(("cp1252", "cp1250", "iso8859_2", "cp1254", "cp1257", "mac_roman", "cp850", "cp437"))
# Letters and marks of the languages that are written in windows-1252; fewer than all, for others share the rest.
_WESTERN = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüßœÀÁÂÄÅÆÇÈÉÊËÍÎÑÓÔÖØÚÜŒ¿¡«»‹›“”‘’‚„–—…•·€£©®°§ªº´¨\u00a0\u00ad™")
_HIRAGANA = range(0x3041, 0x3097)


def likely_encoding(data: bytes) -> str | None:
    """Return the encoding of Python that a text which is not UTF-8 probably has.

    None if most of its characters beyond ASCII are valid UTF-8, so that only some bytes are damaged.
    """
    from charset_normalizer import from_bytes

    data = data[:SAMPLE]
    read = data.decode("utf-8", "replace")
    damaged = read.count("\ufffd")
    if sum(character > "\x7f" for character in read) - damaged >= damaged:
        return None
    western = [character for character in data.decode("cp1252", "replace") if character > "\x7f"]
    is_western = sum(character in _WESTERN for character in western) > 0.95 * len(western)
    if damaged < FEW:
        return "cp1252" if is_western else None
    for encoding in ("euc_jp", "cp932"):
        text = data.decode(encoding, "ignore")
        letters = [ord(character) for character in text if character > "\x7f"]
        if len(letters) > 3 and sum(letter in _HIRAGANA for letter in letters) > len(letters) / 5:
            return encoding
    best = from_bytes(data, cp_isolation=list(_NAMES)).best()
    encoding = best.encoding if best else ""
    has_controls = any(0x80 <= byte < 0xA0 for byte in data)  # which ISO 8859 has where Windows has letters
    if is_western and (encoding in _LATIN or not encoding):
        return "cp1252"
    if encoding == "cp1250" and not has_controls:
        return "iso8859_2"
    if encoding == "cp1253" and not has_controls and 0xA2 not in data:
        return "iso8859_7"
    return encoding or None


def likely_remedy(data: bytes, at: int, name: str) -> str:
    """Return the likely encoding of the input `name`, whose byte `at` is not UTF-8, with the command that converts it.

    Empty if none is likely.
    """
    encoding = likely_encoding(data[data.rfind(b"\n", 0, at) + 1 :])
    return f", probably {named(encoding)}; convert it: {command(encoding, name)}" if encoding else ""


def named(encoding: str) -> str:
    """Return the usual name of an encoding."""
    return _NAMES.get(encoding, encoding)


def command(encoding: str, name: str) -> str:
    """Return the command that converts the file `name` to UTF-8."""
    iconv = f"iconv -f {_ICONV.get(encoding, named(encoding).upper())} -t UTF-8"
    if name == "standard input":
        return f"{iconv} | ..."
    file = shlex.quote(name)
    if name.lower().endswith(".gz"):
        return f"gzip -dc {file} | {iconv} > NEW"
    return f"{iconv} {file} > NEW"
