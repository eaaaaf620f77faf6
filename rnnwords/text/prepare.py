"""From a corpus to what training reads: counted, encoded and split, with a cache for large texts.

Only training words are counted: a vocabulary that includes the validation words would make the validation loss too low.
"""

import contextlib
import errno
import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rnnwords.config import TextConfig
from rnnwords.errors import CorpusError, ModelError, SaveError
from rnnwords.files import digest_of, open_bounded, parse_json, read_bounded, reason
from rnnwords.saving import replace_file
from rnnwords.text.cache_directory import cache_directories, cache_in_use
from rnnwords.text.counting import count_first_words, count_words, encode_corpus, id_type, subtract_tail
from rnnwords.text.encoded import EncodedText, IdFile, cut_at, halves, in_memory, part_of
from rnnwords.text.encoding import check_has_known_words
from rnnwords.text.formats.source import ending
from rnnwords.text.reading.corpus import Corpus, StartProgress, no_progress
from rnnwords.text.spacing.learned import learn_spacing
from rnnwords.text.spacing.sample import spacing_sample
from rnnwords.text.vocabulary import Vocabulary, check_has_words
from rnnwords.text.vocabulary_growth import Growth, grown_vocabulary
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
    known_min_count: int = 1  # of tokens of a vocabulary that grows


@dataclass(frozen=True)
class Prepared:
    """A text ready for training."""

    vocabulary: Vocabulary
    train: EncodedText
    # The first half of the validation text chooses: the best weights, and all that post-training fits. A split starts
    # `context` words early, so that its first word has a whole context.
    validation: EncodedText | None
    digest: str  # SHA-256 of the bytes of the corpus
    words: int  # of the training text
    limits: VocabularyLimits
    # Returns the counts of all distinct words of the training text, also of those outside the vocabulary. Raises
    # CorpusError if a large text has changed since.
    word_counts: Callable[[], Mapping[str, int]]
    validation_digest: str | None = None  # of a separate validation text
    held_out: EncodedText | None = None  # the second half, which nothing but the report at the end uses


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
    base: Vocabulary | None = None  # a vocabulary that grows by the words of the corpus


def prepare(request: PrepareRequest) -> Prepared:
    """Count, encode and split a text. Raises CorpusError if it has no words, UnknownWordError as `encode_corpus`."""
    digest = digest_of(request.corpus.paths)
    vocabulary, whole, limits = _cached_or_encoded(request, digest)
    cut = cut_at(len(whole), 0.0 if request.validation else limits.validation_split)
    train = part_of(whole, 0, cut)
    sample = spacing_sample(request.corpus, cut / len(whole))
    longer = request.base and sum(request.base.counts) > cut  # the text that shows more of the spacing
    learned = request.base.spacing if request.base and longer else None
    vocabulary = vocabulary.with_spacing(learned or learn_spacing(sample, vocabulary.text))
    validation = held_out = validation_digest = None
    if request.validation:
        validation_digest = digest_of(request.validation.paths)
        every_word = PrepareRequest(
            request.validation, vocabulary.text, lambda words: VocabularyLimits(None, 1, 0.0), vocabulary=vocabulary,
            progress=lambda what, size: request.progress(f"{what} the validation text", size),
        )  # fmt: skip
        _, validation, _ = _cached_or_encoded(every_word, validation_digest)
    elif cut < len(whole):
        validation = part_of(whole, max(0, cut - request.context), len(whole))
    if validation is not None:
        validation, held_out = halves(validation, request.context)
    counts = _word_counts(request.corpus, vocabulary.text, cut, digest)
    return Prepared(vocabulary, train, validation, digest, cut, limits, counts, validation_digest, held_out)


def _word_counts(corpus: Corpus, text: TextConfig, words: int, digest: str) -> Callable[[], Mapping[str, int]]:
    """Return what returns the counts of the first `words` words of a corpus.

    A small text is counted now, since its file may be edited during training; a large one when the counts are needed.
    """
    if not corpus.reaches(CACHE_FROM):
        counts = count_first_words(corpus, text, words)
        return lambda: counts

    def count() -> Mapping[str, int]:
        try:
            found = digest_of(corpus.paths)
        except OSError as error:
            raise CorpusError(f"cannot read {', '.join(corpus.names)} again: {reason(error)}") from error
        if found != digest:
            raise CorpusError(f"{', '.join(corpus.names)}: expected the text as it was before training, found another")
        return count_first_words(corpus, text, words)

    return count


def _cached_or_encoded(request: PrepareRequest, digest: str) -> tuple[Vocabulary, EncodedText, VocabularyLimits]:
    """Return the corpus from the cache of an earlier run; else encode it and, if it is large, cache it."""
    if not request.corpus.reaches(CACHE_FROM):
        return _encoded(request, None)
    name = _entry_name(request, digest)
    failure: OSError | SaveError | None = None
    for directory in cache_directories():
        try:
            with cache_in_use(directory):
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
        keep_unk = limits.validation_split > 0 or request.validation is not None
        if request.base:
            growth = Growth(limits.min_count, limits.known_min_count, limits.max_size)
            vocabulary = grown_vocabulary(request.base, counts.counts, growth, keep_unk=keep_unk, pruned=counts.pruned)
        else:
            vocabulary = Vocabulary.build(
                counts.counts, request.text, max_size=limits.max_size, min_count=limits.min_count, keep_unk=keep_unk,
                pruned=counts.pruned,
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
    if request.vocabulary is not None or request.base is not None:
        check_has_known_words(ids, vocabulary, corpus)
    if request.vocabulary is not None:
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


def _entry_name(request: PrepareRequest, digest: str) -> str:
    """Return the name of a cache entry without suffix: a digest of all that determines its content."""
    corpus = request.corpus
    determined_by = {
        "program": __version__, "digest": digest, "files": [path.stat().st_size for path in corpus.paths],
        "endings": [ending(name) + ".gz" * name.lower().endswith(".gz") for name in corpus.names],
        "read": corpus.read.to_json(),
        "text": request.text.to_json(), "validation": bool(request.validation),
        "limits": [request.limits(10**k).__dict__ for k in range(10)],
        "vocabularies": [
            one and hashlib.sha256(one.to_bytes()).hexdigest() for one in (request.vocabulary, request.base)
        ],
    }  # fmt: skip
    return hashlib.sha256(json.dumps(determined_by, sort_keys=True).encode()).hexdigest()[:32]


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
