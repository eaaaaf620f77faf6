"""Model files with valid checksums and any content.

A wrong checksum is the first thing that is refused; with a valid one, the content is what is refused.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rnnwords import tensor_file
from rnnwords.config import AdaptationConfig
from rnnwords.lm.spelling import SpellingModel
from rnnwords.model_file import FORMAT, VERSION, Model
from rnnwords.tensor_file import write_tensors
from tests.lm.interpolated import deferred, with_ngram
from tests.models import random_model, small_model, vocabulary_of
from tests.texts import CATS, WORDS

Header = dict[str, Any]


Change = Callable[[Header], Any]


def saved(path: Path, model: Model | None = None) -> bytes:
    """Save the model, by default a small one, and return the bytes of the file."""
    (model or small_model()).save(path)
    return path.read_bytes()


def parts(content: bytes) -> tuple[Header, bytes]:
    """Return the header of a file, and the bytes of its tensors."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def with_header(header: bytes, data: bytes = b"") -> bytes:
    """Return a file with this header, unsigned."""
    return len(header).to_bytes(8, "little") + header + data


def signed(header: Header, data: bytes, *, sign_deferred: bool = True) -> Header:
    """Return the header with the checksums that are valid for it and the data, whatever they are."""
    if not isinstance(header.get("__metadata__"), dict):
        return header
    rest = {name: entry for name, entry in header.items() if name != "__metadata__"}
    metadata = {name: value for name, value in header["__metadata__"].items() if name != "sha256"}
    stop = len(data)
    if isinstance(prefixes := metadata.get("deferred"), str) and prefixes:
        digests = []
        for prefix in reversed(prefixes.split()):
            starts = [
                entry["data_offsets"][0]
                for name, entry in rest.items()
                if name.startswith(prefix) and isinstance(entry, dict) and isinstance(entry.get("data_offsets"), list)
                and entry["data_offsets"] and type(entry["data_offsets"][0]) is int
            ]  # fmt: skip
            start = max(0, min([*starts, stop]))
            digests.append(hashlib.sha256(data[start:stop]).hexdigest())
            stop = start
        if sign_deferred:
            metadata["deferred-sha256"] = " ".join(reversed(digests))
    return {"__metadata__": {**metadata, "sha256": tensor_file._digest(metadata, rest, [data[:stop]])}, **rest}


def assembled(header: Header, data: bytes, *, sign_deferred: bool = True) -> bytes:
    """Return the signed file of a header and the bytes of the tensors; without `sign_deferred`, their digests stay."""
    return with_header(json.dumps(signed(header, data, sign_deferred=sign_deferred)).encode(), data)


def changed(content: bytes, change: Change, data: bytes | None = None) -> bytes:
    """Return the file with its header changed, signed."""
    header, old = parts(content)
    change(header)
    return assembled(header, old if data is None else data)


def with_configs(content: bytes, change: Change) -> bytes:
    """Return the file with its settings changed, signed."""
    header, data = parts(content)
    configs = json.loads(header["__metadata__"]["configs"])
    change(configs)
    header["__metadata__"]["configs"] = json.dumps(configs)
    return assembled(header, data)


def resaved(path: Path, **tensors: Any) -> bytes:
    """Return the file of a small model with some tensors changed (None: left out), written by the program itself."""
    made = small_model()
    all_tensors: dict[str, Any] = dict(made.weights)
    all_tensors["vocabulary/words"] = np.frombuffer("\n".join(WORDS).encode(), np.uint8)
    all_tensors["vocabulary/counts"] = np.array(made.vocabulary.counts)
    all_tensors.update({name.replace("__", "/"): tensor for name, tensor in tensors.items()})
    kept = {name: tensor for name, tensor in all_tensors.items() if tensor is not None}
    configs = {"network": made.network.to_json(), "text": made.vocabulary.text.to_json(), "training": {}}
    write_tensors(path, FORMAT, VERSION, kept, configs)
    return path.read_bytes()


def entry_of(header: Header, name: str = "output/bias") -> Header:
    """Return the entry of a tensor in the header."""
    entry: Header = header[name]
    return entry


def nested(depth: int) -> list[Any]:
    """Return a list in a list, and so on."""
    inner: list[Any] = []
    for _ in range(depth):
        inner = [inner]
    return inner


def deferred_base() -> Model:
    """Return a model with every deferred part: n-gram, spelling, adaptation."""
    model = ngram_base()
    spelling = SpellingModel.train({"zebra": 1, "cats": 2, "the": 9}, model.vocabulary.words)
    assert spelling is not None
    statistics = {"adaptation/output/bias": np.ones(len(model.vocabulary), np.float32)}
    whole: Model = dataclasses.replace(
        model, spelling=deferred(spelling.to_tensors()), adaptation=deferred(statistics),
        adaptation_config=AdaptationConfig(0.001, 0.1, 20),
    )  # fmt: skip
    return whole


def ngram_base() -> Model:
    """Return a model with an n-gram."""
    model: Model = with_ngram(random_model(vocabulary_of(CATS)))
    return model
