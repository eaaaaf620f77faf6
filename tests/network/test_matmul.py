"""Products on two cores: bit-equal, whichever thread computes them; and what the network caches."""

import os
import threading

import numpy as np
import pytest

from rnnwords.network import matmul
from rnnwords.network.recurrent import Network
from tests.models import small_model


@pytest.fixture
def shared(monkeypatch):
    """Return the thread that computes half of every product, on any machine."""
    thread = matmul.ProductThread()
    monkeypatch.setattr(matmul, "PARALLEL_FROM", 1)
    monkeypatch.setattr(matmul, "_thread", thread)
    return thread


def matrix(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(columns)
    return random.normal(size=(1, rows)).astype(np.float32), random.normal(size=(rows, columns)).astype(np.float32)


@pytest.mark.parametrize("columns", [1, 2, 31, 32, 33, 100, 1_000])
@pytest.mark.parametrize("order", ["C", "F"])
def test_row_product_equals_the_matrix_product(shared, columns, order):
    row, kernel = matrix(50, columns)
    np.testing.assert_allclose(
        matmul.row_product(row, np.asarray(kernel, order=order)), row @ kernel, rtol=1e-4, atol=1e-5
    )


def test_row_product_is_bit_equal_with_one_and_two_threads(shared, monkeypatch):
    row, kernel = matrix(300, 5_000)
    together = matmul.row_product(row, kernel)
    shared.backoff = 1
    assert (matmul.row_product(row, kernel) == together).all()
    assert shared.backoff == 0
    with shared.lock:  # in use by another caller
        assert (matmul.row_product(row, kernel) == together).all()
    monkeypatch.setattr(matmul, "_thread", None)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert (matmul.row_product(row, kernel) == together).all()
    assert matmul._thread is None


def test_late_thread_is_not_used_for_the_next_products(shared, monkeypatch):
    row, kernel = matrix(20, 100)
    monkeypatch.setattr(matmul, "MAX_DELAY", -1.0)  # always
    matmul.row_product(row, kernel)
    assert shared.backoff == matmul.BACKOFF
    monkeypatch.setattr(matmul, "MAX_DELAY", 1e9)
    for left in range(matmul.BACKOFF, 0, -1):
        assert shared.backoff == left
        matmul.row_product(row, kernel)
    matmul.row_product(row, kernel)
    assert shared.backoff == 0


def test_concurrent_products_are_correct(shared):
    pairs = [matrix(40, 64 + number) for number in range(8)]
    wrong = []

    def work(row, kernel):
        for _ in range(200):
            if not np.allclose(matmul.row_product(row, kernel), row @ kernel, rtol=1e-4, atol=1e-5):
                wrong.append(kernel.shape)

    threads = [threading.Thread(target=work, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_forked_process_starts_its_own_thread(shared):
    row, kernel = matrix(20, 100)
    expected = matmul.row_product(row, kernel)
    child = os.fork()
    if child == 0:  # waiting for the parent's thread would never end
        os._exit(0 if (matmul.row_product(row, kernel) == expected).all() else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("cell", ["lstm", "gru", "simple"])
@pytest.mark.parametrize("mode", ["windows", "stateful"])
def test_cached_first_states_do_not_change_outputs(cell, mode):
    model = small_model(cell=cell, layers=2, mode=mode)
    network = Network(model.network, model.weights)
    for ids in ([3, 1, 2], [3, 1], [3], [3, 5, 0, 1, 2]):
        for _ in range(2):  # the second time from the cache
            outputs, state = network.forward(np.array([ids]))
            every, after = network.forward_sequence(np.array([ids]))
            np.testing.assert_allclose(outputs, every[:, -1], atol=1e-6)
            for one, other in zip(state, after, strict=True):
                np.testing.assert_allclose(one, other, atol=1e-6)
    assert set(network._first) == {3}


def test_cache_of_first_states_is_bounded(monkeypatch):
    model = small_model()
    monkeypatch.setattr("rnnwords.network.recurrent.MAX_FIRST_BYTES", 3 * 6 * 8 * 4)
    network = Network(model.network, model.weights)
    for word in range(10):
        network.forward(np.array([[word, 1]]))
        assert len(network._first) <= 3


def test_table_of_input_products_is_filled_16_rows_at_a_time():
    model = small_model(tuple(f"w{n}" for n in range(100)))
    network = Network(model.network, model.weights)
    network.forward(np.array([[70, 1, 2]]))
    assert network._computed.sum() >= 16
    embeddings, cell = model.weights["embedding/embeddings"], network.cells[0]
    computed = np.flatnonzero(network._computed)
    assert network._table is not None
    np.testing.assert_allclose(network._table[computed], cell.input_product(embeddings[computed]), atol=1e-6)


@pytest.mark.parametrize("columns", [1, 33, 100, 1_000, 9_999])
@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_of_a_product_are_bit_equal_to_products_of_one_row(shared, columns, order):
    _, kernel = matrix(60, columns)
    kernel = np.asarray(kernel, order=order)
    rows = np.random.default_rng(0).normal(size=(20, 60)).astype(np.float32)
    alone = np.concatenate([matmul.row_product(row[None], kernel) for row in rows])
    assert (matmul.rows_product(rows, kernel) == alone).all()


def test_products_are_computed_row_by_row_only_where_asked_for():
    assert not matmul.is_row_by_row()
    with matmul.row_by_row():
        assert matmul.is_row_by_row()
    assert not matmul.is_row_by_row()
