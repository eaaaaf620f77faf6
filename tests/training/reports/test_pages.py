"""TensorBoard itself, started by the command that `train` prints and opened in a browser.

Each test leaves a screenshot of its page in pytest's temporary directory.
"""

import contextlib
import functools
import json
import re
import shlex
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.browser import chromium_page
from tests.processes import TINY, environment, killed_at_end, matched, rnnwords, until
from tests.texts import FABLE

logs: Any = pytest.importorskip("rnnwords.training.reports.tensorboard", exc_type=ImportError)
summaries: Any = pytest.importorskip("rnnwords.training.reports.summaries", exc_type=ImportError)

pytestmark = pytest.mark.slow

VALIDATION = "A young mouse got up and said he had a proposal to make. The old mouse looked at the neck of the cat."
LAYERS = ["tokens", "embedding", "lstm_1", "lstm_2", "output", "targets", "loss"]


class Board(NamedTuple):
    """A TensorBoard that runs, and what it should show."""

    origin: str
    history: list[dict[str, Any]]
    counts: dict[str, str]  # word -> count

    @contextlib.contextmanager
    def page(self, name: str, directory: Path) -> Iterator[Any]:
        """Open a page, take a screenshot at the end, and check that the browser had no problem with it."""
        with chromium_page(self.origin, width=1400, height=1000) as (page, problems):
            page.goto(f"{self.origin}/#{name}")
            yield page
            page.screenshot(path=directory / f"{name}.png")
        assert problems == []

    def data(self, path: str, **query: str) -> Any:
        """Return the JSON that the server sends to the page; None for data that it does not have, or not yet."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.origin}/data/{path}?{urllib.parse.urlencode(query)}") as answer:
                return json.load(answer)
        except urllib.error.HTTPError:
            return None

    def points(self, run: str, tag: str, last: int) -> list[tuple[int, float]]:
        """Return step and value of the points of a curve, once the server has loaded the one of the `last` step."""

        def loaded() -> list[tuple[int, float]] | None:
            points = self.data("plugin/scalars/scalars", run=run, tag=tag)
            return points if points and points[-1][1] == last else None

        return [(step, value) for _, step, value in until(loaded)]


@contextlib.contextmanager
def served(command: list[str], directory: Path) -> Iterator[str]:
    """Run TensorBoard at a free port of this machine, and yield its origin."""
    output = directory / "tensorboard.txt"
    with open(output, "wb") as stream:
        arguments = [*command, "--host", "127.0.0.1", "--port", "0"]
        process = subprocess.Popen(arguments, cwd=directory, env=environment(), stdout=stream, stderr=stream)
    with killed_at_end(process):

        def origin() -> Any:
            return re.search(r"http://127\.0\.0\.1:\d+", output.read_text(encoding="utf-8", errors="replace"))

        yield until(origin, process)[0]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    place = tmp_path_factory.mktemp("board")
    (place / "validation.txt").write_text(VALIDATION, encoding="utf-8")
    options = ["--validation", "validation.txt", "--layers", "2", "--log-every", "5", "--model", "models/my fable"]
    done = rnnwords("train", FABLE, *TINY, *options, cwd=place)
    assert done.returncode == 0, done.stderr
    command = shlex.split(matched(done.stdout + done.stderr, r"(?m)^curves: (.*)$")[1])
    run = place / "models" / "my fable"
    history = [json.loads(line) for line in (run / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    _, *words = (run / "vocabulary.tsv").read_text(encoding="utf-8").splitlines()
    counts = dict(line.split("\t") for line in words)
    with served(command, place) as origin:
        board = Board(origin, history, counts)
        board.points("validation", "loss", history[-1]["step"])  # a page does not load again what comes later
        until(lambda: len(board.data("plugin/text/text", run="training", tag="sample") or []) == len(history))
        yield board


def test_training_and_validation_share_charts_with_all_points(board, tmp_path):
    assert len(board.history) > 10
    steps = [report["step"] for report in board.history]
    for tag in ("loss", "accuracy", "perplexity"):
        for run in ("training", "validation"):
            assert [step for step, _ in board.points(run, tag, steps[-1])] == steps
    losses = [pytest.approx(report["validation_loss"]) for report in board.history]
    assert [value for _, value in board.points("validation", "loss", steps[-1])] == losses
    with board.page("scalars", tmp_path) as page:
        for number in range(2):  # the charts that are open at first: accuracy and loss
            chart = page.locator("vz-line-chart2").nth(number)
            colors = until(functools.partial(two_colors, chart))
            # Each line is drawn twice, once smoothed. Points outside the middle 90 % are left out.
            for color in colors:
                counts = [shape.count("L") + 1 for shape in shapes(chart, color)]
                assert len(counts) == 2
                assert min(counts) > len(board.history) / 2


def shapes(chart: Any, color: str) -> list[str]:
    lines = chart.locator(f'path.line[stroke="{color}"]').all()
    return [line.get_attribute("d") or "" for line in lines]


def two_colors(chart: Any) -> set[str] | None:
    """Return the colors of the two curves once both are drawn."""
    lines = chart.locator("path.line").all()
    colors = {line.get_attribute("stroke") for line in lines if line.get_attribute("d")}
    return colors if len(colors) == 2 else None


def test_the_time_series_show_the_last_values_of_both_runs_in_one_card(board, tmp_path):
    last = board.history[-1]
    with board.page("timeseries", tmp_path) as page:
        for name, values in (
            ("accuracy", (last["accuracy"], last["validation_accuracy"])),
            ("loss", (last["loss"], last["validation_loss"])),
        ):
            card = page.locator("scalar-card").filter(has=page.get_by_title(name, exact=True))
            for run, value in zip(("training", "validation"), values, strict=True):
                row = card.locator("tb-data-table-content-row").filter(has_text=run)
                numbers = [float(number) for number in row.inner_text().split() if re.fullmatch(r"[\d.]+", number)]
                assert any(number == pytest.approx(value, rel=1e-3) for number in numbers), (numbers, value)
                assert last["step"] in numbers


def test_the_graph_shows_the_layers_and_on_request_their_weights(board, tmp_path):
    with board.page("graphs", tmp_path) as page:
        labels = page.locator("tf-graph-scene text")
        for layer in LAYERS:
            labels.filter(has_text=layer).first.wait_for(state="attached")
        texts = labels.all_text_contents()
        assert "?×3×16" in texts  # from lstm_1 to lstm_2
        page.locator("tf-graph-scene g.node", has_text="lstm_1").last.dblclick()
        for weight in ("kernel", "bias", "LSTM"):
            labels.filter(has_text=weight).first.wait_for(state="attached")


def test_the_projector_shows_points_with_words_and_counts(board, tmp_path):
    with board.page("projector", tmp_path) as page:
        projector = page.frame_locator("iframe").frame_locator("iframe")
        projector.locator(".numDataPoints").filter(has_text=re.compile(f"^{len(board.counts)}$")).wait_for()
        assert projector.locator(".dim").inner_text() == "8"
        projector.locator("vz-projector-inspector-panel input").first.fill("mouse")
        card = projector.locator("vz-projector-metadata-card")
        for text in ("word", "mouse", "count", board.counts["mouse"]):
            card.get_by_text(text, exact=True).first.wait_for()
        neighbors = projector.locator("vz-projector-inspector-panel .neighbor .label")
        neighbors.first.wait_for()
        words = {label.strip() for label in neighbors.all_text_contents()}
        assert len(words) > 50
        assert words <= set(board.counts) - {"mouse"}


def test_the_texts_are_the_samples(board, tmp_path):
    with board.page("text", tmp_path) as page:
        samples = page.locator("tf-markdown-view #markdown p")
        until(lambda: samples.count() == len(board.history))
        assert samples.all_inner_texts() == [report["sample"] for report in reversed(board.history)]


def test_the_table_of_hyperparameters_has_the_figures_of_the_validation_text(board, tmp_path):
    with board.page("hparams", tmp_path) as page:
        cells = page.locator("vaadin-grid-cell-content")
        cells.filter(has_text="my fable").first.wait_for()
        texts = {cell.strip() for cell in cells.all_text_contents()}
        assert {"Trial ID", "batch_size", "cell", "lstm", "accuracy", "loss", "perplexity"} <= texts
        loss = board.history[-1]["validation_loss"]
        numbers = [float(text) for text in texts if re.fullmatch(r"\d+\.\d+", text)]
        assert any(number == pytest.approx(loss, rel=1e-3) for number in numbers)


def test_a_resumed_run_shows_each_step_once(tmp_path):
    """Of steps that are repeated after a checkpoint, the last report counts."""
    for begin, end, value in ((0, 60, 1.0), (30, 90, 2.0)):
        log = logs.EventLogs(tmp_path / "logs", ["training", "validation"], begin, pytest.fail)
        for step in range(begin + 5, end + 1, 5):
            log.add("training", step, summaries.scalars({"loss": value}))
            log.add("validation", step, summaries.scalars({"loss": value}))
        log.close()
    with served([sys.executable, "-m", "tensorboard.main", "--logdir", "logs"], tmp_path) as origin:
        board = Board(origin, [], {})
        for run in ("training", "validation"):
            expected = [(step, 1.0 if step <= 30 else 2.0) for step in range(5, 91, 5)]
            assert board.points(run, "loss", 90) == expected
