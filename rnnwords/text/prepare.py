"""From a corpus to what training reads: counted, cut, encoded and split; large texts are kept in a cache.

Only words that training sees are counted: a vocabulary that had seen the held-out words would flatter the result.
"""

import atexit
import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rnnwords import __version__
from rnnwords.config import TextConfig
from rnnwords.errors import CorpusError, ModelError, SaveError
from rnnwords.files import TEMPORARY_SUFFIX, digest_of, replace_file
from rnnwords.text.corpus import IdFile, Text, cut_at, in_memory, part_of
from rnnwords.text.counting import Progress, count_words, encode_corpus, id_type, without_tail
from rnnwords.text.reading import Corpus
from rnnwords.text.vocabulary import Vocabulary

CACHE_FROM = 4 << 20  # bytes of text; smaller ones are read anew each time
_TEMPORARY = re.compile(r"[0-9a-f]{32}\.(ids|vocabulary\.tsv|json)\.[0-9]+" + re.escape(TEMPORARY_SUFFIX))


@dataclass(frozen=True)
class Cuts:
    """What goes into the vocabulary, and what is held out."""

    max_size: int | None
    min_count: int
    hold_out: float  # share of the words, at the end


@dataclass(frozen=True)
class Prepared:
    """A text ready for training."""

    vocabulary: Vocabulary
    train: Text
    held_out: Text | None  # begins `context` words early: its first word has as many words in front as the others
    digest: str  # SHA-256 of the bytes of the corpus
    words: int  # of training text
    cuts: Cuts
    valid_digest: str | None = None  # of a held-out text of its own


@dataclass(frozen=True)
class Request:
    """What is asked for. `choose` gives the cuts for a text of so many words."""

    corpus: Corpus
    text: TextConfig
    choose: Callable[[int], Cuts]
    valid: Corpus | None = None
    vocabulary: Vocabulary | None = None
    context: int = 0
    progress: Callable[[str, int | None], Progress | None] = field(default=lambda what, size: None)


def prepare(request: Request) -> Prepared:
    """Count, cut, encode and split. Raises CorpusError if the text has no words, UnknownWordError (see encode)."""
    corpus, valid = request.corpus, request.valid
    digest = digest_of(corpus.paths)
    vocabulary, whole, cuts = _found_or_encoded(request, digest)
    cut = cut_at(len(whole), 0.0 if valid else cuts.hold_out)
    train = part_of(whole, 0, cut)
    held_out: Text | None = None
    valid_digest = None
    if valid:
        valid_digest = digest_of(valid.paths)
        _, held_out, _ = _found_or_encoded(_of_held_out(request, valid, vocabulary), valid_digest)
    elif cut < len(whole):
        held_out = part_of(whole, max(0, cut - request.context), len(whole))
    return Prepared(vocabulary, train, held_out, digest, cut, cuts, valid_digest)


def _of_held_out(request: Request, valid: Corpus, vocabulary: Vocabulary) -> Request:
    """What is asked for of a held-out text of its own: all its words, by the vocabulary of the training text."""
    return Request(
        valid, vocabulary.text, lambda words: Cuts(None, 1, 0.0), vocabulary=vocabulary,
        progress=lambda what, size: request.progress(f"{what} the held-out text", size),
    )  # fmt: skip


def _found_or_encoded(request: Request, digest: str) -> tuple[Vocabulary, Text, Cuts]:
    """The corpus as an earlier run left it in the cache; else encoded, and kept there if it is large."""
    if request.corpus.size < CACHE_FROM:
        return _encoded(request, None)
    key = _key(request, digest)
    with _swept(key.parent):
        return _from_cache(key) or _encoded(request, key)


def _encoded(request: Request, key: Path | None) -> tuple[Vocabulary, Text, Cuts]:
    corpus, progress = request.corpus, request.progress
    vocabulary = request.vocabulary
    cuts = request.choose(0)
    if vocabulary is None:
        counts = count_words(corpus, request.text, progress("counting", corpus.length))
        if not counts.total:
            raise CorpusError(f"{', '.join(corpus.names)}: no words found; at least one is needed")
        cuts = request.choose(counts.total)
        if cuts.hold_out and not request.valid:
            without_tail(counts, corpus, request.text, cut_at(counts.total, cuts.hold_out))
        vocabulary = Vocabulary.build(
            counts.counts, request.text, max_size=cuts.max_size, min_count=cuts.min_count,
            keep_unk=cuts.hold_out > 0 or request.valid is not None, pruned=counts.pruned,
        )  # fmt: skip
    pieces = encode_corpus(corpus, vocabulary, progress("encoding", corpus.length))
    typecode = id_type(len(vocabulary))
    if key is None:
        ids: Text = in_memory(pieces, typecode)
    else:
        path = key.with_suffix(".ids")
        replace_file(path, pieces, kept="name a directory with more room by RNNWORDS_CACHE")
        ids = IdFile.opened(path, np.dtype(typecode))
    if not len(ids):
        raise CorpusError(f"{', '.join(corpus.names)}: no words found; at least one is needed")
    if request.vocabulary is not None:
        cuts = request.choose(len(ids))
    if key is not None:
        with contextlib.suppress(OSError, SaveError):  # the ids are there; next time they are made anew
            vocabulary.save(key.with_suffix(".vocabulary.tsv"))
            about = {"cuts": cuts.__dict__, "sha256": digest_of(_kept(key))}
            replace_file(key.with_suffix(".json"), [json.dumps(about).encode()])
    return vocabulary, ids, cuts


def _kept(key: Path) -> list[Path]:
    return [key.with_suffix(".ids"), key.with_suffix(".vocabulary.tsv")]


def cache_directory() -> Path:
    """Where encoded texts are kept: $RNNWORDS_CACHE, else the user's cache directory. Safe to delete at any time."""
    if named := os.environ.get("RNNWORDS_CACHE"):
        return Path(named)
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "rnnwords"


def _key(request: Request, digest: str) -> Path:
    """The files of a text in the cache, without their suffix: named by all that decides what is in them."""
    corpus = request.corpus
    asked = {
        "program": __version__, "digest": digest, "files": [path.stat().st_size for path in corpus.paths],
        "compressed": [name.endswith(".gz") for name in corpus.names], "errors": corpus.encoding_errors,
        "text": request.text.to_json(), "valid": bool(request.valid),
        "cuts": [request.choose(10**k).__dict__ for k in range(10)],
        "vocabulary": hashlib.sha256(request.vocabulary.to_bytes()).hexdigest() if request.vocabulary else None,
    }  # fmt: skip
    name = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]
    directory = cache_directory()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if os.access(directory, os.W_OK):
            return directory / name
    except OSError:
        pass
    temporary = tempfile.mkdtemp(prefix="rnnwords-")
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    return Path(temporary) / name


@contextlib.contextmanager
def _swept(directory: Path) -> Iterator[None]:
    """At work in a cache from which the temporary files of killed processes were removed.

    Whoever is at work holds the directory's lock with others, and it goes with the process: who gets it alone knows
    that nobody writes any of those files. They stay where a file system cannot lock.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for item in directory.glob(f"*{TEMPORARY_SUFFIX}"):
                if _TEMPORARY.fullmatch(item.name):
                    item.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _from_cache(key: Path) -> tuple[Vocabulary, Text, Cuts] | None:
    """What an earlier run kept; None if anything of it is missing or not as it was written."""
    try:
        about = json.loads(key.with_suffix(".json").read_bytes())
        if digest_of(_kept(key)) != about["sha256"]:
            return None
        vocabulary = Vocabulary.load(key.with_suffix(".vocabulary.tsv"))
        ids = IdFile.opened(key.with_suffix(".ids"), np.dtype(id_type(len(vocabulary))))
        return vocabulary, ids, Cuts(**about["cuts"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError, ModelError):
        return None
