"""From a corpus to what training reads: counted, encoded and split, with a cache for large texts.

Only training words are counted: a vocabulary that includes the validation words would make the validation loss too low.
"""

import atexit
import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rnnwords.config import TextConfig
from rnnwords.errors import CorpusError, ModelError, SaveError
from rnnwords.files import digest_of, open_bounded, parse_json, read_bounded
from rnnwords.saving import TEMPORARY, replace_file
from rnnwords.text.counting import count_words, encode_corpus, id_type, subtract_tail
from rnnwords.text.encoded import EncodedText, IdFile, cut_at, in_memory, part_of
from rnnwords.text.encoding import check_has_known_words
from rnnwords.text.formats.source import ending
from rnnwords.text.reading.corpus import Corpus, StartProgress, no_progress
from rnnwords.text.spacing.learned import learn_spacing
from rnnwords.text.spacing.sample import spacing_sample
from rnnwords.text.vocabulary import Vocabulary, check_has_words
from rnnwords.version import __version__

CACHE_FROM = 4 << 20  # bytes of text; smaller texts are encoded in every run
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # another directory is the user's choice
CHECKED_IDS = 1 << 22  # at a time


@dataclass(frozen=True)
class VocabularyLimits:
    """Limits of the vocabulary, and the validation split."""

    max_size: int | None
    min_count: int
    validation_split: float  # share of the words, at the end of the text


@dataclass(frozen=True)
class Prepared:
    """A text ready for training."""

    vocabulary: Vocabulary
    train: EncodedText
    validation: EncodedText | None  # a split starts `context` words early, so that its first word has a whole context
    digest: str  # SHA-256 of the bytes of the corpus
    words: int  # of the training text
    limits: VocabularyLimits
    validation_digest: str | None = None  # of a separate validation text


@dataclass(frozen=True)
class PrepareRequest:
    """What to prepare, and how."""

    corpus: Corpus
    text: TextConfig
    limits: Callable[[int], VocabularyLimits]  # number of words of the text -> its limits
    validation: Corpus | None = None  # None: a split of the corpus
    vocabulary: Vocabulary | None = None  # None: one is built
    context: int = 0
    progress: StartProgress = no_progress


def prepare(request: PrepareRequest) -> Prepared:
    """Count, encode and split a text. Raises CorpusError if it has no words, UnknownWordError as `encode_corpus`."""
    digest = digest_of(request.corpus.paths)
    vocabulary, whole, limits = _cached_or_encoded(request, digest)
    cut = cut_at(len(whole), 0.0 if request.validation else limits.validation_split)
    train = part_of(whole, 0, cut)
    sample = spacing_sample(request.corpus, cut / len(whole))
    vocabulary = vocabulary.with_spacing(learn_spacing(sample, vocabulary.text))
    validation = validation_digest = None
    if request.validation:
        validation_digest = digest_of(request.validation.paths)
        every_word = PrepareRequest(
            request.validation, vocabulary.text, lambda words: VocabularyLimits(None, 1, 0.0), vocabulary=vocabulary,
            progress=lambda what, size: request.progress(f"{what} the validation text", size),
        )  # fmt: skip
        _, validation, _ = _cached_or_encoded(every_word, validation_digest)
    elif cut < len(whole):
        validation = part_of(whole, max(0, cut - request.context), len(whole))
    return Prepared(vocabulary, train, validation, digest, cut, limits, validation_digest)


def _cached_or_encoded(request: PrepareRequest, digest: str) -> tuple[Vocabulary, EncodedText, VocabularyLimits]:
    """Return the corpus from the cache of an earlier run; else encode it and, if it is large, cache it."""
    if not request.corpus.reaches(CACHE_FROM):
        return _encoded(request, None)
    name = _entry_name(request, digest)
    failure: OSError | SaveError | None = None
    for directory in _directories():
        try:
            with _cache_in_use(directory):
                return _from_cache(directory / name, request) or _encoded(request, directory / name)
        except (FileNotFoundError, NotADirectoryError) as error:  # the directory has been deleted meanwhile
            failure = error
        except SaveError as error:
            if not isinstance(error.__cause__, OSError) or error.__cause__.errno in FULL:
                raise
            failure = error
    raise SaveError(f"could not save the encoded text; set RNNWORDS_CACHE to another directory: {failure}")


def _encoded(request: PrepareRequest, key: Path | None) -> tuple[Vocabulary, EncodedText, VocabularyLimits]:
    corpus, progress = request.corpus, request.progress
    vocabulary = request.vocabulary
    limits = request.limits(0)
    if vocabulary is None:
        counts = count_words(corpus, request.text, progress("counting", corpus.text_size))
        if not counts.total:
            raise _no_words(corpus)
        limits = request.limits(counts.total)
        if limits.validation_split and not request.validation:
            subtract_tail(counts, corpus, request.text, cut_at(counts.total, limits.validation_split))
        vocabulary = Vocabulary.build(
            counts.counts, request.text, max_size=limits.max_size, min_count=limits.min_count,
            keep_unk=limits.validation_split > 0 or request.validation is not None, pruned=counts.pruned,
        )  # fmt: skip
        check_has_words(vocabulary, counts.counts)
    pieces = encode_corpus(corpus, vocabulary, progress("encoding", corpus.text_size))
    typecode = id_type(len(vocabulary))
    if key is None:
        ids: EncodedText = in_memory(pieces, typecode)
    else:
        path = key.with_suffix(".ids")
        kept = "set RNNWORDS_CACHE to a directory with more space"
        replace_file(path, pieces, kept=kept, follow_links=False)
        ids = IdFile.open(path, np.dtype(typecode))
    if not len(ids):
        raise _no_words(corpus)
    if request.vocabulary is not None:
        check_has_known_words(ids, vocabulary, corpus)
        limits = request.limits(len(ids))
    if key is not None:
        with contextlib.suppress(OSError, SaveError, ModelError):  # without these files, the next run encodes again
            vocabulary.save(key.with_suffix(".vocabulary.tsv"), follow_links=False)
            entry = json.dumps({"sha256": _entry_digest(key)})
            replace_file(key.with_suffix(".json"), [entry.encode()], follow_links=False)
    return vocabulary, ids, limits


def _no_words(corpus: Corpus) -> CorpusError:
    return CorpusError(f"{', '.join(corpus.names)}: expected at least one word, found none")


def _entry_digest(key: Path) -> str:
    """Return the SHA-256 of the files of a cache entry. Raises ModelError, also for what is not a regular file."""
    state = hashlib.sha256()
    for suffix in (".ids", ".vocabulary.tsv"):
        with open_bounded(key.with_suffix(suffix), sys.maxsize, "cached text") as (stream, _):
            while data := stream.read(1 << 20):
                state.update(data)
    return state.hexdigest()


def cache_directory() -> Path | None:
    """Return the directory of encoded texts: $RNNWORDS_CACHE, else in the user's cache directory.

    It may be deleted at any time. Returns None if the user has no home directory, or one that is not an absolute path.
    """
    try:
        if named := os.environ.get("RNNWORDS_CACHE"):
            return Path(named).expanduser()
        home = Path(os.environ.get("XDG_CACHE_HOME", ""))
        home = home if home.is_absolute() else Path.home() / ".cache"
    except RuntimeError:
        return None
    return home / "rnnwords" if home.is_absolute() else None


def _directories() -> Iterator[Path]:
    """Yield the cache directory, if it can be used, and then temporary ones, which end with the process.

    A directory may be a link, but nothing in it is followed.
    """
    usable = False
    if (directory := cache_directory()) is not None:
        with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: links that lead to each other
            directory.mkdir(parents=True, exist_ok=True)
            directory = directory.resolve()
            usable = os.access(directory, os.R_OK | os.W_OK | os.X_OK)
        if usable:
            yield directory
    for _ in range(2):
        temporary = Path(tempfile.mkdtemp(prefix="rnnwords-")).resolve()
        atexit.register(shutil.rmtree, temporary, ignore_errors=True)
        yield temporary


def _entry_name(request: PrepareRequest, digest: str) -> str:
    """Return the name of a cache entry without suffix: a digest of all that determines its content."""
    corpus = request.corpus
    determined_by = {
        "program": __version__, "digest": digest, "files": [path.stat().st_size for path in corpus.paths],
        "endings": [ending(name) + ".gz" * name.lower().endswith(".gz") for name in corpus.names],
        "read": corpus.read.to_json(),
        "text": request.text.to_json(), "validation": bool(request.validation),
        "limits": [request.limits(10**k).__dict__ for k in range(10)],
        "vocabulary": hashlib.sha256(request.vocabulary.to_bytes()).hexdigest() if request.vocabulary else None,
    }  # fmt: skip
    return hashlib.sha256(json.dumps(determined_by, sort_keys=True).encode()).hexdigest()[:32]


@contextlib.contextmanager
def _cache_in_use(directory: Path) -> Iterator[None]:
    """Hold a shared lock on the cache; first, remove temporary files of killed processes.

    The system releases the lock when a process ends. So a process that gets the exclusive lock knows that no other one
    is writing temporary files. Where the file system has no locks, they stay.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for item in directory.iterdir():
                if TEMPORARY.fullmatch(item.name):
                    item.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _from_cache(key: Path, request: PrepareRequest) -> tuple[Vocabulary, EncodedText, VocabularyLimits] | None:
    """Return a cache entry; None if a part of it is missing, differs from its digest, or does not fit the request."""
    try:
        entry = parse_json(read_bounded(key.with_suffix(".json"), 1 << 16, "cache entry"), "cache entry")
        if _entry_digest(key) != entry["sha256"]:
            return None
        vocabulary = Vocabulary.load(key.with_suffix(".vocabulary.tsv"))
        ids = IdFile.open(key.with_suffix(".ids"), np.dtype(id_type(len(vocabulary))))
        fits = vocabulary == request.vocabulary if request.vocabulary else vocabulary.text == request.text
        parts = (ids[start : start + CHECKED_IDS] for start in range(0, len(ids), CHECKED_IDS))
        if not fits or not len(ids) or any(part.max() >= len(vocabulary) for part in parts):
            return None
        return vocabulary, ids, request.limits(len(ids))
    except (OSError, KeyError, TypeError, ModelError, CorpusError):
        return None
