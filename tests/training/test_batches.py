"""Windows and streams: the batches of training and their order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.text.encoded import IdFile
from rnnwords.training import batches
from rnnwords.training.batches import Streams, Windows
from tests.texts import write

sizes = st.fixed_dictionaries(
    {
        "length": st.integers(2, 80),
        "window": st.integers(1, 6),
        "batch_size": st.integers(1, 12),
        "seed": st.integers(0, 9),
    }
)


def distinct(length: int) -> np.ndarray:
    """Return a text whose ids are their positions, plus 100."""
    return np.arange(100, 100 + length, dtype=np.uint16)


def windows_of(length: int, window: int, batch_size: int, seed: int = 0) -> Windows:
    return Windows(distinct(length), window, batch_size, seed)


@given(sizes, st.sampled_from([1, 3, 7, 1 << 22]))
def test_each_epoch_has_every_window_once_with_its_target(size, block):
    size["length"] = max(size["length"], size["window"] + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "SHUFFLE_BLOCK", block)
        windows = windows_of(**size)
        assert windows.count == size["length"] - size["window"]
        for epoch in range(3):
            rows = windows.batches(epoch * windows.steps, windows.steps).reshape(-1, size["window"] + 1)
            assert (np.diff(rows) == 1).all()  # every target is the word after its window
            firsts = (rows[:, 0] - 100).tolist()
            assert sorted(firsts[: windows.count]) == list(range(windows.count))
            filled = firsts[windows.count :]
            assert len(filled) < size["batch_size"]
            assert filled == [firsts[place % windows.count] for place in range(len(filled))]


@given(sizes, st.sampled_from([2, 5, 1 << 22]), st.data())
def test_batches_depend_only_on_seed_and_step(size, block, data):
    size["length"] = max(size["length"], size["window"] + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "SHUFFLE_BLOCK", block)
        windows = windows_of(**size)
        epoch = data.draw(st.integers(0, 2)) * windows.steps
        whole = windows.batches(epoch, windows.steps)
        assert whole.shape == (windows.steps, size["batch_size"], size["window"] + 1)
        assert whole.dtype == np.int32
        resumed = windows_of(**size)
        for step in data.draw(st.permutations(range(windows.steps)))[:6]:
            count = data.draw(st.integers(1, windows.steps - step))
            assert (resumed.batches(epoch + step, count) == whole[step : step + count]).all()


def test_epochs_and_seeds_have_different_orders():
    windows = windows_of(200, 3, 10)
    orders = {windows.batches(epoch * windows.steps, windows.steps).tobytes() for epoch in range(4)}
    orders.add(windows_of(200, 3, 10, seed=1).batches(0, 20).tobytes())
    assert len(orders) == 5


def test_blocks_are_shuffled(monkeypatch):
    monkeypatch.setattr(batches, "SHUFFLE_BLOCK", 10)
    windows = windows_of(103, 3, 10)
    firsts = {tuple(windows.batches(epoch * 10, 10)[:, 0, 0] // 10) for epoch in range(5)}
    assert len(firsts) == 5
    assert all(sorted(first) == list(range(10, 20)) for first in firsts)


@pytest.mark.parametrize("length", [0, 1, 3])
def test_text_shorter_than_a_window_has_no_steps(length):
    windows = windows_of(length, 3, 2)
    assert (windows.count, windows.steps) == (0, 0)


@given(sizes)
def test_streams_continue_from_step_to_step(size):
    streams = Streams(distinct(size["length"]), size["window"], size["batch_size"], size["seed"])
    length = (size["length"] - 1) // size["batch_size"]
    assert streams.steps == 0 or streams.steps * size["window"] <= length
    if not streams.steps:
        assert length <= size["window"]
        return
    for epoch in range(3):
        rows = streams.batches(epoch * streams.steps, streams.steps)
        assert rows.shape == (streams.steps, size["batch_size"], size["window"] + 1)
        assert rows.dtype == np.int32
        assert (rows[1:, :, 0] == rows[:-1, :, -1]).all()  # a step begins with the last target of the one before
        places = rows - 100 - np.arange(size["batch_size"])[None, :, None] * length  # in the stream of the row
        assert ((places >= 0) & (places < length)).all()
        assert (np.diff(places, axis=2) % length == 1 % length).all()  # the first word follows the last one
        for step in range(streams.steps):
            again = Streams(distinct(size["length"]), size["window"], size["batch_size"], size["seed"])
            assert (again.batches(epoch * streams.steps + step, 1)[0] == rows[step]).all()


def test_streams_are_rotated_in_each_epoch_each_by_its_own_number_of_words():
    streams = Streams(distinct(1_000), 20, 4, 0)
    firsts = [streams.batches(epoch * streams.steps, 1)[0, :, 0] for epoch in range(20)]
    assert len({int(first[0]) for first in firsts}) > 15
    assert all(len(set(np.diff(first).tolist())) > 1 for first in firsts)


def test_batches_from_disk_equal_those_from_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "SHUFFLE_BLOCK", 16)
    ids = distinct(100)
    on_disk = IdFile.open(write(tmp_path / "ids", ids.tobytes()), ids.dtype)
    assert (Windows(on_disk, 3, 8, 1).batches(0, 12) == Windows(ids, 3, 8, 1).batches(0, 12)).all()
    assert (Streams(on_disk, 3, 8, 1).batches(0, 2) == Streams(ids, 3, 8, 1).batches(0, 2)).all()
    part = on_disk.part(10, 60)
    assert (Windows(part, 3, 8, 1).batches(0, 5) == Windows(ids[10:60], 3, 8, 1).batches(0, 5)).all()
