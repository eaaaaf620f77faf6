"""Encoded texts: ids on disk equal ids in memory, and files that change while they are read."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.errors import CorpusError
from rnnwords.text.encoded import IdFile, cut_at, in_memory, part_of
from tests.texts import write


def distinct(length: int) -> np.ndarray:
    """Return ids that all differ."""
    return np.arange(100, 100 + length, dtype=np.uint16)


@given(st.lists(st.integers(0, 65_535), max_size=40), st.integers(0, 45), st.integers(0, 45), st.sampled_from("HI"))
def test_ids_on_disk_equal_ids_in_memory(tmp_path_factory, ids, start, stop, typecode):
    array = np.array(ids, np.dtype(typecode))
    path = write(tmp_path_factory.mktemp("corpus") / "ids", array.tobytes())
    on_disk = IdFile.open(path, array.dtype)
    assert len(on_disk) == len(array)
    assert on_disk[start:stop].tolist() == array[start:stop].tolist()
    assert on_disk[:].tolist() == ids
    start, stop = sorted((min(start, len(ids)), min(stop, len(ids))))
    part, same = part_of(on_disk, start, stop), part_of(array, start, stop)
    assert len(part) == len(same) == stop - start
    assert part[1:5].tolist() == same[1:5].tolist()
    if stop - start > 1:
        assert part_of(part, 1, 2)[0:1].tolist() == same[1:2].tolist()
    assert in_memory([array.tobytes()[:8], array.tobytes()[8:]], typecode).tolist() == ids


def test_truncated_id_file_is_an_error(tmp_path):
    path = write(tmp_path / "ids", distinct(10).tobytes())
    on_disk = IdFile.open(path, np.dtype(np.uint16))
    write(path, distinct(9).tobytes() + b"\0")
    assert on_disk[0:9].tolist() == list(range(100, 109))
    with pytest.raises(CorpusError, match=r"expected 10 more bytes in the encoded text .*, found 9"):
        on_disk[5:10]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are listed in /proc")
def test_deleted_or_replaced_id_file_stays_open_until_its_last_part_is_deleted(tmp_path):
    path = write(tmp_path / "ids", distinct(10).tobytes())

    def is_open() -> bool:
        links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        return any(os.readlink(link).startswith(str(path)) for link in links)

    on_disk = IdFile.open(path, np.dtype(np.uint16))
    part = on_disk.part(4, 8)
    path.unlink()
    assert on_disk[:].tolist() == list(range(100, 110))
    write(path, b"other")
    del on_disk
    assert part[1:3].tolist() == [105, 106]
    assert is_open()
    del part
    assert not is_open()


@given(st.integers(1, 10**9), st.floats(0, 0.9))
def test_cut_leaves_at_most_the_fraction_for_validation(words, fraction):
    cut = cut_at(words, fraction)
    assert 0 < cut <= words
    assert words - cut <= words * fraction
    assert cut_at(words, 0.0) == words
