"""Model files and vocabularies that the program never writes: with valid checksums and wrong contents."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rnnwords.config import TextConfig
from rnnwords.model_file import FORMAT, VERSION
from rnnwords.network.config import NetworkConfig
from rnnwords.tensor_file import write_tensors
from tests.lm.interpolated import deferred
from tests.signed_files import (
    Change,
    assembled,
    changed,
    deferred_base,
    entry_of,
    nested,
    ngram_base,
    parts,
    resaved,
    saved,
    with_configs,
    with_header,
)
from tests.texts import WORDS

LONG = "9" * 1_000_000

HEADERS: dict[str, Change] = {
    "overlap": lambda h: entry_of(h).update(data_offsets=entry_of(h, "output/kernel")["data_offsets"]),
    "hole": lambda h: h.pop("output/bias"),
    "beyond the end": lambda h: entry_of(h).update(data_offsets=[0, 2**40]),
    "backwards": lambda h: entry_of(h).update(data_offsets=entry_of(h)["data_offsets"][::-1]),
    "negative offset": lambda h: entry_of(h).update(data_offsets=[-8, 40]),
    "huge offset": lambda h: entry_of(h).update(data_offsets=[2**64 - 8, 2**64 - 1]),
    "offset of another type": lambda h: entry_of(h).update(data_offsets=["0", 48]),
    "overflow": lambda h: entry_of(h).update(shape=[2**32, 2**32, 12]),
    "huge shape": lambda h: entry_of(h).update(shape=[2**62]),
    "negative shape": lambda h: entry_of(h).update(shape=[-12]),
    "fractional shape": lambda h: entry_of(h).update(shape=[1.2e1]),
    "nested shape": lambda h: entry_of(h).update(shape=[[12]]),
    "deep shape": lambda h: entry_of(h).update(shape=[1] * 100_000 + [12]),
    "other shape": lambda h: entry_of(h).update(shape=[3, 4]),
    "wider type": lambda h: entry_of(h).update(dtype="F64"),
    "integers": lambda h: entry_of(h).update(dtype="U8", shape=[48]),
    "unknown type": lambda h: entry_of(h).update(dtype="X9"),
    "half floats": lambda h: entry_of(h).update(dtype="BF16", shape=[24]),
    "entry that is a number": lambda h: h.update({"output/bias": 7}),
    "entry without type": lambda h: entry_of(h).pop("dtype"),
    "no metadata": lambda h: h.pop("__metadata__"),
    "metadata are a list": lambda h: h.update(__metadata__=["format"]),
    "metadata are numbers": lambda h: h["__metadata__"].update(configs=7),
    "no configs": lambda h: h["__metadata__"].pop("configs"),
    "configs are a list": lambda h: h["__metadata__"].update(configs="[]"),
    "configs are no json": lambda h: h["__metadata__"].update(configs="{'network': 1}"),
    "deep configs": lambda h: h["__metadata__"].update(configs="[" * 100_000),
    "wide numbers": lambda h: h["__metadata__"].update(configs="9" * 100_000),
    "no version": lambda h: h["__metadata__"].pop("version"),
    "version is text": lambda h: h["__metadata__"].update(version="one"),
    "endless version": lambda h: h["__metadata__"].update(version="9" * 100_000),
    "other format": lambda h: h["__metadata__"].update(format="rnnwords-checkpoint"),
    "format of megabytes": lambda h: h["__metadata__"].update(format=LONG),
    "newer, of megabytes": lambda h: h["__metadata__"].update(version=f"4.{LONG}", program=LONG),
    "name of megabytes": lambda h: h.update({LONG: entry_of(h)}),
    "name with escapes": lambda h: h.update({"\x1b]0;owned\x07" * 10: entry_of(h)}),
    "names that are paths": lambda h: h.update({"../../x": entry_of(h), "/x": entry_of(h)}),
    "type of megabytes": lambda h: entry_of(h).update(dtype=LONG),
    "entry of megabytes": lambda h: h.update({"output/bias": [LONG]}),
    "deep entry": lambda h: h.update({"output/bias": nested(400)}),
    "minus zero": lambda h: entry_of(h).update(shape=[-0.0]),
    "many names": lambda h: h.update({f"n{number}": entry_of(h) for number in range(20_000)}),
    "no compression": lambda h: entry_of(h).update(dtype="none"),
    "sparse gigabytes": lambda h: entry_of(h).update(data_offsets=[0, 2**33], shape=[2**31]),
    "all deferred": lambda h: h["__metadata__"].update(deferred="embedding"),
    "deferred vocabulary": lambda h: h["__metadata__"].update(deferred="vocabulary/"),
    "deferred number": lambda h: h["__metadata__"].update(deferred=1),
    "lone surrogate": lambda h: h["__metadata__"].update(configs='{"training": {"a": "\\ud800"}}'),
}

CONFIGS: dict[str, Change] = {
    "10^9 units": lambda c: c["network"].update(units=10**9),
    "more words": lambda c: c["network"].update(vocabulary_size=1_000_000),
    "fewer words": lambda c: c["network"].update(vocabulary_size=11),
    "infinite units": lambda c: c["network"].update(units=float("inf")),
    "units as text": lambda c: c["network"].update(units="8"),
    "more layers": lambda c: c["network"].update(layers=2),
    "other cell": lambda c: c["network"].update(cell="gru"),
    "unknown setting": lambda c: c["network"].update(hook="os.system"),
    "no network": lambda c: c.pop("network"),
    "no text": lambda c: c.pop("text"),
    "unknown tokenizer": lambda c: c["text"].update(tokenizer="eval"),
    "no record": lambda c: c.pop("training"),
    "record is a list": lambda c: c.update(training=[]),
    "infinite record": lambda c: c.update(training={"loss": float("nan")}),
    "digest is a list": lambda c: c.update(training={"corpus": []}),
    "validation is a list": lambda c: c.update(training={"validation": [1]}),
    "words are text": lambda c: c.update(training={"words": "many"}),
    "words are true": lambda c: c.update(training={"words": True}),
    "metrics are text": lambda c: c.update(training={"metrics": "good"}),
    "loss is text": lambda c: c.update(training={"metrics": {"loss": "small"}}),
    "setting of megabytes": lambda c: c["network"].update(cell=LONG),
    "unknown setting of megabytes": lambda c: c["network"].update({LONG: 1}),
    "deep setting": lambda c: c["network"].update(cell=nested(400)),
    "number of 4,000 digits": lambda c: c["network"].update(units=10**4_000),
    "a numeric network": lambda c: c.update(series={"column": "Open", "low": 0, "high": 1}),
    "column of megabytes": lambda c: c.update(series={"column": LONG, "low": 1, "high": 1}),
    "weights without a model": lambda c: c.update(interpolation={"ngram_order": 3, "ngram_count": 7}),
    "a million weights": lambda c: c.update(interpolation={"with_ngram": {"by_count": [0.5] * 1_000_000}}),
    "weights of megabytes": lambda c: c.update(interpolation={"with_ngram": {"by_count": [LONG]}}),
    "cache of all words": lambda c: c.update(interpolation={"cache_size": 10**12}),
}

TENSORS: dict[str, dict[str, Any]] = {
    "nan": {"output__bias": np.full(12, np.nan, np.float32)},
    "one nan": {"output__bias": np.array([*[0.0] * 11, np.nan], np.float32)},
    "infinity": {"output__bias": np.array([*[0.0] * 11, -np.inf], np.float32)},
    "double floats": {"output__bias": np.zeros(12)},
    "transposed": {"output__kernel": np.zeros((12, 8), np.float32)},
    "missing weight": {"output__bias": None},
    "one more weight": {"surprise": np.zeros(3, np.float32)},
    "one more, empty": {"surprise": np.zeros((0, 3), np.float32)},
    "missing words": {"vocabulary__words": None},
    "missing counts": {"vocabulary__counts": None},
    "words of another type": {"vocabulary__words": np.zeros(12, np.int64)},
    "words not utf-8": {"vocabulary__words": np.full(23, 255, np.uint8)},
    "no words": {"vocabulary__words": np.zeros(0, np.uint8)},
    "a word twice": {"vocabulary__words": np.frombuffer(b"a\n" * 11 + b"a", np.uint8)},
    "words with blanks": {"vocabulary__words": np.frombuffer("\n".join(["a b", *WORDS[1:]]).encode(), np.uint8)},
    "rising counts": {"vocabulary__counts": np.arange(12)},
    "negative counts": {"vocabulary__counts": -np.arange(12)},
    "square counts": {"vocabulary__counts": np.ones((12, 1), np.int64)},
    "long word": {"vocabulary__words": np.frombuffer(("a" * 1_001 + "\n" + "\n".join(WORDS[1:])).encode(), np.uint8)},
    "words of megabytes": {"vocabulary__words": np.full(2_000_000, 97, np.uint8)},
    "largest floats": {"output__kernel": np.full((8, 12), 3e38, np.float32)},
    "one large float": {"lstm_1__bias": np.array([*[0.0] * 31, -3e38], np.float32)},
}

RAW = {
    "empty": b"",
    "length alone": (2**63).to_bytes(8, "little"),
    "2^63 bytes of header": (2**63).to_bytes(8, "little") + b"{}" * 100,
    "2^64 - 1 bytes of header": b"\xff" * 8 + b"{}" * 100,
    "no header": with_header(b""),
    "empty header": with_header(b"{}"),
    "header is a list": with_header(b"[]"),
    "header in invalid UTF-8": with_header(b'{"\xff": 1}'),
    "header in other encoding": with_header('{"a": 1}'.encode("utf-16")),
    "deep header": with_header(b"[" * 100_000),
    "deep objects": with_header(b'{"a":' * 100_000),
    "blank header": with_header(b" " * (1 << 24)),
    "too long a header": with_header(b" " * ((1 << 24) + 1)),
    "wide header": with_header(b'{"a": ' + b"9" * 1_000_000 + b"}"),
    "infinite number": with_header(b'{"a": 1e400}'),
    "millions of lists": with_header(b"[" + b"[]," * 5_500_000 + b"[]]"),
    "millions of objects": with_header(b"[" + b'{"":0},' * 2_300_000 + b"0]"),
    "millions of numbers": with_header(b"[" + b"1," * 8_000_000 + b"1]"),
    "a million keys": with_header(b"{" + b",".join(b'"%x":0' % key for key in range(1_000_000)) + b"}"),
    "a million equal keys": with_header(b"{" + b'"a":1,' * 1_000_000 + b'"a":1}'),
    "depth that is parsed": with_header(b"[" * 900 + b"]" * 900),
    "raw surrogate": with_header(b'{"\xed\xa0\x80": 1}'),
    "escaped surrogate": with_header(rb'{"\ud800": 1}'),
}

# Of a model with an n-gram. Its tensors are read with --interpolate only.
NGRAM_CONFIGS: dict[str, Change] = {
    "order beyond the limit": lambda c: c["interpolation"].update(ngram_order=10**18),
    "count beyond the limit": lambda c: c["interpolation"].update(ngram_count=10**18),
    "order of megabytes": lambda c: c["interpolation"].update(ngram_order=LONG),
    "no n-gram": lambda c: c.pop("interpolation"),
}

NGRAM_HEADERS: dict[str, Change] = {
    "nothing deferred": lambda h: h["__metadata__"].update(deferred=""),
    "deferred by half a name": lambda h: h["__metadata__"].update(deferred="ngram/2"),
    "deferred, of other size": lambda h: entry_of(h, "ngram/2.ngrams.words").update(shape=[2**31]),
    "deferred, overlapping": lambda h: entry_of(h, "ngram/2.ngrams.words").update(
        data_offsets=entry_of(h, "ngram/3.ngrams.words")["data_offsets"]
    ),
    "deferred, before the others": lambda h: entry_of(h, "ngram/settings").update(data_offsets=[0, 32]),
}

# Of a model with all deferred parts.
PARTS_CONFIGS: dict[str, Change] = {
    "negative rate": lambda c: c["adaptation"].update(rate=-1),
    "rate of megabytes": lambda c: c["adaptation"].update(rate=LONG),
    "adaptation without settings": lambda c: c.pop("adaptation"),
    "adaptation that is a list": lambda c: c.update(adaptation=[]),
}

PARTS_HEADERS: dict[str, Change] = {
    "part twice": lambda h: h["__metadata__"].update(deferred="ngram/ ngram/ spelling/"),
    "part in another order": lambda h: h["__metadata__"].update(deferred="spelling/ ngram/ adaptation/"),
    "part without tensors": lambda h: h["__metadata__"].update(deferred="ngram/ x/ adaptation/"),
    "part without a digest": lambda h: h["__metadata__"].update(deferred="ngram/ spelling/"),
    "ten thousand parts": lambda h: h["__metadata__"].update(deferred=" ".join(map(str, range(10_000)))),
    "parts that overlap": lambda h: entry_of(h, "spelling/alphabet").update(
        data_offsets=entry_of(h, "ngram/settings")["data_offsets"]
    ),
}

NGRAM_TENSORS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "huge order": lambda t: t["ngram/settings"].put(1, 2**62),
    "huge depth": lambda t: t["ngram/settings"].put([1, 2], 2**62),
    "other size": lambda t: t["ngram/settings"].put(0, 2**62),
    "huge boundary": lambda t: t["ngram/settings"].put(3, 2**62),
    "lengths that overflow": lambda t: t.update(
        {"ngram/2.ngrams.lengths": np.full(len(t["ngram/2.ngrams.lengths"]), 2**32 - 1, np.uint32)}
    ),
    "lengths of 0": lambda t: t["ngram/2.ngrams.lengths"].fill(0),
    "words beyond the vocabulary": lambda t: t["ngram/2.ngrams.words"].fill(255),
    "words in falling order": lambda t: t.update({"ngram/1.ngrams.words": t["ngram/1.ngrams.words"][::-1]}),
    "counts of 0": lambda t: t["ngram/3.counts"].fill(0),
    "signed counts": lambda t: t.update({"ngram/3.counts": -t["ngram/3.counts"].astype(np.int64)}),
    "real counts": lambda t: t.update({"ngram/3.counts": np.full(len(t["ngram/3.counts"]), np.nan)}),
    "square words": lambda t: t.update({"ngram/2.ngrams.words": t["ngram/2.ngrams.words"][None]}),
    "no counts": lambda t: t.update({"ngram/1.counts": np.empty(0, np.uint8)}),
    "missing counts": lambda t: t.pop("ngram/1.counts"),
}


def hostile(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield hostile model files by name. Every command refuses them."""
    content = saved(path)
    yield from RAW.items()
    for name, change in HEADERS.items():
        yield name, changed(content, change)
    for name, change in CONFIGS.items():
        yield name, with_configs(content, change)
    for name, tensors in TENSORS.items():
        yield name, resaved(path, **tensors)
    header, data = parts(content)
    text = json.dumps(header)
    first = text.replace('{"__metadata__', '{"output/bias": 1, "__metadata__')
    yield "duplicate tensor", with_header(first.encode(), data)
    yield "duplicate metadata", with_header((text[:-1] + ', "__metadata__": {}}').encode(), data)
    for name, text in (
        ("duplicate config", '{"network": 1, "network": 2}'), ("endless float", '{"training": 1e999}'),
        ("infinity", '{"training": -Infinity}'), ("wide number", '{"training": ' + LONG + "}"),
    ):  # fmt: skip
        header["__metadata__"]["configs"] = text
        yield name, assembled(header, data)
    content = saved(path, ngram_base())
    for name, change in NGRAM_CONFIGS.items():
        yield name, with_configs(content, change)
    for name, change in NGRAM_HEADERS.items():
        yield name, changed(content, change)
    base = deferred_base()
    content = saved(path, base)
    for name, change in PARTS_CONFIGS.items():
        yield name, with_configs(content, change)
    for name, change in PARTS_HEADERS.items():
        yield name, changed(content, change)
    large = deferred({"adaptation/x": np.zeros(1_000_000)})
    yield "adaptation larger than the weights", saved(path, dataclasses.replace(base, adaptation=large))
    large = deferred({"spelling/x": np.zeros((1 << 24) + 1, np.uint8)})
    yield "spelling of megabytes", saved(path, dataclasses.replace(base, spelling=large))
    yield "a million words of one byte", _many_words(path, b"a\n" * 999_999 + b"a")
    yield "50 million empty words", _many_words(path, b"\n" * 50_000_000)


def hostile_ngrams(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield model files with hostile n-grams by name. Every command that reads the n-gram refuses them."""
    base = ngram_base()
    assert base.ngram is not None
    for name, change in NGRAM_TENSORS.items():
        tensors = {key: tensor.copy() for key, tensor in base.ngram.read().items()}
        change(tensors)
        yield name, saved(path, dataclasses.replace(base, ngram=deferred(tensors)))
    header, data = parts(saved(path, base))
    yield (
        "deferred tensors of another checksum",
        assembled(header, data[:-1] + bytes([data[-1] ^ 1]), sign_deferred=False),
    )
    del header["__metadata__"]["deferred-sha256"]
    yield "deferred tensors without a checksum", assembled(header, data, sign_deferred=False)


def _many_words(path: Path, words: bytes) -> bytes:
    """Return a model that has a network of a million words, and these words."""
    network = NetworkConfig(1_000_000, layers=1, units=1, embedding=1)
    tensors: dict[str, Any] = {name: np.zeros(shape, np.float32) for name, shape in network.shapes().items()}
    tensors["vocabulary/words"] = np.frombuffer(words, np.uint8)
    tensors["vocabulary/counts"] = np.ones(1_000_000, np.int64)
    configs = {"network": network.to_json(), "text": TextConfig().to_json(), "training": {}}
    write_tensors(path, FORMAT, VERSION, tensors, configs)
    return path.read_bytes()


def hostile_vocabularies() -> Iterator[tuple[str, bytes]]:
    """Yield hostile vocabulary files by name."""
    header = b'# rnnwords-vocabulary {"tokenizer": "words", "lowercase": false, "eos": false}\n'
    yield "empty", b""
    yield "header alone", header
    yield "no line end", header + b"a\t1"
    yield "line ends", b"\n" * 50_000_000
    yield "millions of empty lines", header + b"\n" * 50_000_000
    yield "one line of 50 MB", b"a" * 50_000_000
    yield "a word of 50 MB", header + b"a" * 50_000_000 + b"\t1\n"
    yield "more than a million words", header + b"".join(b"%x\t1\n" % number for number in range(1_000_001))
    yield "a count of 50 MB", header + b"a\t" + b"9" * 50_000_000 + b"\n"
    yield "not utf-8", header + b"\xff\t1\n"
    yield "deep settings", b"# rnnwords-vocabulary " + b"[" * 100_000 + b"\n"
    yield "other settings", b'# rnnwords-vocabulary {"tokenizer": "eval"}\n'
    yield "settings of megabytes", b'# rnnwords-vocabulary {"tokenizer": "' + LONG.encode() + b'"}\n'
    yield "settings with a surrogate", rb'# rnnwords-vocabulary {"\ud800": 1}' + b"\n"
    yield "rising counts", header + b"a\t1\nb\t2\n"
    yield "a word twice", header + b"a\t1\na\t1\n"
    yield "white space", header + "a\u3000b\t1\n".encode()
