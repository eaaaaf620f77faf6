"""Products of one row by two cores: the same numbers, whoever computes them."""

import os
import threading

import numpy as np
import pytest

from rnnwords.network import matmul as sharing
from rnnwords.network.recurrent import Network
from tests.helpers import small_model


@pytest.fixture
def shared(monkeypatch):
    """Every product is shared, on any machine."""
    helper = sharing.Helper()
    monkeypatch.setattr(sharing, "SHARED", 1)
    monkeypatch.setattr(sharing, "_helper", helper)
    return helper


def matrix(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(columns)
    return random.normal(size=(1, rows)).astype(np.float32), random.normal(size=(rows, columns)).astype(np.float32)


@pytest.mark.parametrize("columns", [1, 2, 31, 32, 33, 100, 1_000])
@pytest.mark.parametrize("order", ["C", "F"])
def test_it_is_the_product(shared, columns, order):
    row, kernel = matrix(50, columns)
    np.testing.assert_allclose(
        sharing.row_product(row, np.asarray(kernel, order=order)), row @ kernel, rtol=1e-4, atol=1e-5
    )


def test_the_numbers_do_not_depend_on_who_computes_them(shared, monkeypatch):
    row, kernel = matrix(300, 5_000)
    together = sharing.row_product(row, kernel)
    shared.alone = 1
    assert (sharing.row_product(row, kernel) == together).all()
    assert shared.alone == 0
    with shared.free:  # another thread has it
        assert (sharing.row_product(row, kernel) == together).all()
    monkeypatch.setattr(sharing, "_helper", None)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert (sharing.row_product(row, kernel) == together).all()
    assert sharing._helper is None


def test_a_helper_that_comes_late_is_left_alone_for_a_while(shared, monkeypatch):
    row, kernel = matrix(20, 100)
    monkeypatch.setattr(sharing, "LATE", -1.0)  # always
    sharing.row_product(row, kernel)
    assert shared.alone == sharing.ALONE
    monkeypatch.setattr(sharing, "LATE", 1e9)
    for left in range(sharing.ALONE, 0, -1):
        assert shared.alone == left
        sharing.row_product(row, kernel)
    sharing.row_product(row, kernel)
    assert shared.alone == 0


def test_many_threads_get_their_own_products(shared):
    pairs = [matrix(40, 64 + number) for number in range(8)]
    wrong = []

    def work(row, kernel):
        for _ in range(200):
            if not np.allclose(sharing.row_product(row, kernel), row @ kernel, rtol=1e-4, atol=1e-5):
                wrong.append(kernel.shape)

    threads = [threading.Thread(target=work, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_process_gets_a_helper_of_its_own(shared):
    row, kernel = matrix(20, 100)
    expected = sharing.row_product(row, kernel)
    child = os.fork()
    if child == 0:  # without the other thread, waiting for it would never end
        os._exit(0 if (sharing.row_product(row, kernel) == expected).all() else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("cell", ["lstm", "gru", "simple"])
@pytest.mark.parametrize("reading", ["windows", "stateful"])
def test_what_is_remembered_of_first_words_changes_nothing(cell, reading):
    model = small_model(cell=cell, layers=2, reading=reading)
    network = Network(model.network, model.weights)
    for ids in ([3, 1, 2], [3, 1], [3], [3, 5, 0, 1, 2]):
        for _ in range(2):  # the second time from memory
            outputs, state = network.read(np.array([ids]))
            every, after = network.read_all(np.array([ids]))
            np.testing.assert_allclose(outputs, every[:, -1], atol=1e-6)
            for one, other in zip(state, after, strict=True):
                np.testing.assert_allclose(one, other, atol=1e-6)
    assert set(network._firsts) == {3}


def test_few_first_words_are_remembered_of_a_large_network(monkeypatch):
    model = small_model()
    monkeypatch.setattr("rnnwords.network.recurrent.FIRSTS_BYTES", 3 * 6 * 8 * 4)
    network = Network(model.network, model.weights)
    for word in range(10):
        network.read(np.array([[word, 1]]))
        assert len(network._firsts) <= 3


def test_rows_of_the_table_come_in_numbers():
    model = small_model(tuple(f"w{n}" for n in range(100)))
    network = Network(model.network, model.weights)
    network.read(np.array([[70, 1, 2]]))
    assert network._known.sum() >= 16
    embeddings, cell = model.weights["embedding/embeddings"], network.cells[0]
    known = np.flatnonzero(network._known)
    assert network._table is not None
    np.testing.assert_allclose(network._table[known], cell.input_product(embeddings[known]), atol=1e-6)
