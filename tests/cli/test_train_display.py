"""The display of a training run: its exact lines at several widths, on a terminal and off it, from made-up events."""

import io
import os
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from rnnwords.cli.reports.training import train_display
from rnnwords.cli.reports.training.report_table import ReportTable, series_columns, text_columns
from rnnwords.cli.reports.training.run_summary import describe_interpolation
from rnnwords.cli.reports.training.train_display import TextRunDisplay
from rnnwords.cli.reports.training.train_progress import TrainProgress
from rnnwords.cli.training_run import tensorboard_command
from rnnwords.config import FittedInterpolation, InterpolationWeights
from rnnwords.network.config import NetworkConfig
from rnnwords.training.events import Note, Planned, Report, Started, StepProgress, Warned
from rnnwords.training.settings.config import TrainingConfig
from tests.models import vocabulary_of
from tests.processes import QUICK, environment, in_terminal, matched, screen
from tests.texts import FABLE

SETTINGS = {
    "optimizer": "adamw", "learning_rate": 0.004, "schedule": "cosine", "batch_size": 128, "dropout": 0.5,
    "clip_norm": 1.0,
}  # fmt: skip
SAMPLE = "a tree beside -> the (a)"
REPORTS = [
    Report(96, 1.0, 5.017, 0.123, 0.0038, 4.278, 0.209, SAMPLE, True, 4117.0),
    Report(192, 2.0, 4.551, 0.171, 0.0031, 4.015, 0.226, SAMPLE, True, 3070.0),
    Report(288, 3.0, 4.180, 0.197, 0.0025, 4.100, 0.221, SAMPLE, False, 3095.0),
]


def training(**budget):
    return TrainingConfig(seed=1, **{**SETTINGS, "patience": 2, **(budget or {"epochs": 12})})


def progress(step=288, epoch=3.0, spent=0.25, after=60.0, **budget):
    """Return the progress after so many seconds of a session that began at the start of the run."""
    times = iter([0.0, after])
    shown = TrainProgress(training(**budget), "words", lambda: next(times))
    shown.update(StepProgress(0, 0.0, 0.0, 5.0, 0.1, 100.0))
    shown.update(StepProgress(step, epoch, spent, 4.18, 0.2, 3095.4))
    return shown


# The line of progress.


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (120, " 25%  epoch 3/12  =====---------------  at most 3:00 left  step 288  loss 4.180  3,095 words/s  best 9"),
        (100, " 25%  epoch 3/12  =====---------------  at most 3:00 left  step 288  loss 4.180  3,095 words/s"),
        (80, " 25%  epoch 3/12  ==--------  at most 3:00 left  loss 4.180  3,095 words/s"),
        (60, " 25%  epoch 3/12  ==--------  3:00 left  3,095 words/s"),
        (50, " 25%  epoch 3/12  3:00 left  3,095 words/s"),
        (30, " 25%  epoch 3/12  3:00 left"),
        (20, " 25%  epoch 3/12"),
        (10, "25%"),
        (2, ""),
    ],
)  # fmt: skip
def test_the_line_of_progress_drops_parts_where_it_is_narrow(width, line):
    shown = progress()
    shown.best = "best 9"
    assert shown.line(width, "=", "-") == line


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"iterations": 1152}, " 25%  step 288/1,152  3:00 left  3,095 words/s"),
        ({"seconds": 600.0}, " 25%  epoch 3  7:30 left  3,095 words/s"),  # of the budget, not of an estimate
        ({"epochs": 12}, " 25%  epoch 3/12  3:00 left  3,095 words/s"),
    ],
)
def test_percent_and_time_left_are_those_of_the_budget(settings, line):
    assert progress(**settings).line(50, "=", "-") == line


def test_the_percentage_is_100_only_at_the_end_and_the_epoch_is_the_present_one():
    assert progress(spent=0.99999, epoch=11.99).line(20, "=", "-") == " 99%  epoch 12/12"
    assert progress(spent=1.0, epoch=12.0).line(20, "=", "-") == "100%  epoch 12/12"
    assert progress(spent=0.0, epoch=0.001).line(20, "=", "-") == "  0%  epoch 1/12"
    assert progress(spent=0.2, epoch=2.0001).line(20, "=", "-") == " 20%  epoch 3/12"


def test_the_time_left_of_a_resumed_run_is_estimated_from_this_session():
    times = iter([1000.0, 1010.0])
    shown = TrainProgress(training(), "words", lambda: next(times))
    shown.update(StepProgress(500, 5.0, 0.5, 4.0, 0.1, 100.0))
    assert shown.plain() == "50%"  # not yet known
    shown.update(StepProgress(600, 6.0, 0.6, 4.0, 0.1, 100.0))
    assert shown.plain() == "60%, at most 40 s left"


def test_a_run_that_cannot_end_early_has_an_exact_time_left():
    assert progress(patience=None, epochs=12).plain() == "25%, 3 min left"
    assert "at most" not in progress(patience=None, epochs=12).line(100, "=", "-")


# The table.


def rows_at(width, reports=REPORTS, *, columns=None, encoding="utf-8", height=24):
    output = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    table = ReportTable(columns or text_columns(True, "words"), output)
    return [line for report in reports for line in table.lines(report, width, height)]


def test_a_wide_table_has_training_and_validation_as_groups_and_marks_the_best():
    title = "text -> predicted (true)"
    assert rows_at(140) == [
        "               ───────── training ─────────  ─────────── validation ───────────",
        f"epoch    step    loss  perplexity  accuracy    loss  perplexity  accuracy        words/s     rate  {title}",
        f"  1.0      96   5.017       151.0     12.3%   4.278        72.1     20.9%  best    4,117   0.0038  {SAMPLE}",
        f"  2.0     192   4.551        94.7     17.1%   4.015        55.4     22.6%  best    3,070   0.0031  {SAMPLE}",
        f"  3.0     288   4.180        65.4     19.7%   4.100        60.3     22.1%          3,095   0.0025  {SAMPLE}",
    ]


def test_columns_are_left_out_at_99_79_49_and_19():
    assert rows_at(99)[1:3] == [
        "epoch    step  perplexity  accuracy  perplexity  accuracy        words/s  text -> predicted (true)",
        "  1.0      96       151.0     12.3%        72.1     20.9%  best    4,117  a tree beside -> the (a)",
    ]
    assert rows_at(79)[:3] == [
        "               ───── training ─────  ─────── validation ───────",
        "epoch    step  perplexity  accuracy  perplexity  accuracy        words/s",
        "  1.0      96       151.0     12.3%        72.1     20.9%  best    4,117",
    ]
    assert rows_at(49) == [
        "        training   ─────── validation ───────",
        "epoch  perplexity  perplexity  accuracy",
        "  1.0       151.0        72.1     20.9%  best",
        "  2.0        94.7        55.4     22.6%  best",
        "  3.0        65.4        60.3     22.1%",
    ]
    assert rows_at(19)[:3] == ["       validation", "epoch  perplexity", "  1.0        72.1"]


def test_without_validation_text_the_table_has_one_group():
    reports = [Report(15, 5.0, 3.106, 0.277, 0.003, None, None, SAMPLE, True, 3144.0)]
    assert rows_at(99, reports, columns=text_columns(False, "words")) == [
        "               ───────── training ─────────",
        "epoch    step    loss  perplexity  accuracy  words/s     rate  text -> predicted (true)",
        "  5.0      15   3.106        22.3     27.7%    3,144    0.003  a tree beside -> the (a)",
    ]
    assert rows_at(49, reports, columns=text_columns(False, "words"))[2] == (
        "  5.0      15        22.3     27.7%    3,144"
    )


def test_the_table_of_a_forecast_has_the_error_in_the_unit_of_the_series():
    reports = [Report(180, 5.0, 0.0024, None, 0.003, None, None, "815.2 -> 817.9 (821.3)", True, 900.0)]
    assert rows_at(99, reports, columns=series_columns("windows", lambda report: "26.3")) == [
        "               ───── training ─────",
        "epoch    step      loss        RMSE  windows/s     rate  text -> predicted (true)",
        "  5.0     180    0.0024        26.3        900    0.003  815.2 -> 817.9 (821.3)",
    ]


def test_a_table_in_ascii_stays_within_its_width():
    report = Report(
        96, 1.0, 5.0, 0.1, 0.003, 4.2, 0.2, "die M\u00e4use sitzen vor dem Haus -> und (ohne)", True, 4117.0
    )
    lines = rows_at(99, [report], encoding="ascii")
    assert "----- training -----" in lines[0]
    assert lines[2].endswith(r"  die M\xe4use sitzen vor ~")
    assert all(line.isascii() and len(line) <= 99 for line in lines)


def test_figures_beyond_all_bounds_keep_the_columns_aligned():
    report = Report(2**31, 99_999.0, 700.0, 1.0, 1e-8, 20.0, 0.0, SAMPLE, False, 1e6)
    _, _, row = rows_at(79, [report])
    assert row.split()[:4] == ["99,999.0", "2,147,483,648", "1.0e+304", "100.0%"]


def test_the_header_comes_again_before_it_scrolls_out_of_sight_and_where_columns_change():
    many = [REPORTS[2]] * 30
    lines = rows_at(79, many, height=13)
    assert [place for place, line in enumerate(lines) if line.startswith("epoch")] == [1, 13, 25]
    table = ReportTable(text_columns(True, "words"), io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    counts = [len(list(table.lines(REPORTS[2], width, 40))) for width in (99, 99, 49, 49, 48, 99)]
    assert counts == [3, 1, 3, 1, 1, 3]


# The whole display.


class FakeTerminal(io.StringIO):
    encoding = "utf-8"
    tty = True

    def isatty(self):
        return self.tty


@pytest.fixture
def terminal(monkeypatch):
    """Return a function that shows events on a terminal of a size, and returns what it wrote."""

    def show(events, size=(100, 24), plain=False, tty=True, term="xterm"):
        output = FakeTerminal()
        output.tty = tty
        monkeypatch.setattr("sys.stderr", output)
        monkeypatch.setenv("TERM", term)
        monkeypatch.setattr(train_display, "terminal_size", lambda _: os.terminal_size(size))
        with TextRunDisplay(False, False, lambda: None, lambda: None, plain) as display:
            for event in events:
                display.show(event)
        return output.getvalue()

    return show


def planned(**budget):
    vocabulary = vocabulary_of("the cat sat on the mat")
    network = NetworkConfig(len(vocabulary), layers=1, units=8, embedding=4)
    values = {
        "directory": None, "vocabulary": vocabulary, "words": 12_281, "validation_words": 1_364, "prompt": "the cat",
        "network": network, "training": training(**budget), "resumed_step": None, "complete": False,
    }  # fmt: skip
    names = Planned.__dataclass_fields__
    return Planned(**{name: values.get(name, ()) for name in names})


def events():
    yield planned()
    yield Started("float32")
    for report in REPORTS:
        yield StepProgress(report.step, report.epoch, report.epoch / 12, report.loss, 0.1, 3000.0)
        yield report


def test_a_terminal_ends_with_the_table_and_without_progress(terminal):
    lines = screen(terminal(events()).replace("\n", "\r\n").encode())
    assert lines[-5:] == [
        "epoch    step  perplexity  accuracy  perplexity  accuracy        words/s  text -> predicted (true)",
        "  1.0      96       151.0     12.3%        72.1     20.9%  best    4,117  a tree beside -> the (a)",
        "  2.0     192        94.7     17.1%        55.4     22.6%  best    3,070  a tree beside -> the (a)",
        "  3.0     288        65.4     19.7%        60.3     22.1%          3,095  a tree beside -> the (a)",
        "",
    ]
    assert not any("loading TensorFlow" in line or "preparing" in line or "%  epoch" in line for line in lines)


@pytest.mark.parametrize("columns", [100, 80, 50, 20, 3])
def test_no_line_of_a_terminal_is_wider_than_it(columns, terminal):
    seen = terminal([*events(), Note("counting the 4-grams of 12,281 words"), Warned("no")], size=(columns, 24))
    lines = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", seen).replace("\r", "\n").split("\n")
    wide = {line for line in lines if len(line) >= max(columns, 42)}  # tables of 1 column, and words, are not cut
    assert not wide


def test_a_terminal_that_is_resized_gets_lines_of_its_new_width(terminal):
    size = [100, 24]

    def resized():
        yield from events()
        size[0] = 50
        yield StepProgress(300, 3.1, 0.26, 4.1, 0.1, 3000.0)
        yield REPORTS[2]

    lines = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", terminal(resized(), size=size)).replace("\r", "\n").splitlines()
    wide = next(place for place, line in enumerate(lines) if line.endswith("  text -> predicted (true)"))
    narrow = lines.index("epoch  perplexity  perplexity  accuracy")
    assert wide < narrow
    place = next(place for place, line in enumerate(lines) if line.startswith(" 26%  epoch 4/12  "))
    assert all(len(line) < 50 for line in lines[place:])
    assert wide < place < narrow
    assert "  3.0        65.4        60.3     22.1%" in lines[narrow:]


@pytest.mark.parametrize("how", [{"plain": True}, {"tty": False}, {"term": "dumb"}])
def test_plain_output_is_whole_lines(how, terminal):
    seen = terminal(events(), **how)
    assert "\x1b" not in seen
    assert "\r" not in seen
    assert seen.splitlines()[-3:] == [
        "step 96  epoch 1.0 of 12  8%  training: loss 5.017, perplexity 151.0, accuracy 12.3%  "
        "validation: loss 4.278, perplexity 72.1, accuracy 20.9%, best  4,117 words/s  rate 0.0038  "
        f"{SAMPLE}",
        "step 192  epoch 2.0 of 12  16%  training: loss 4.551, perplexity 94.7, accuracy 17.1%  "
        "validation: loss 4.015, perplexity 55.4, accuracy 22.6%, best  3,070 words/s  rate 0.0031  "
        f"{SAMPLE}",
        "step 288  epoch 3.0 of 12  25%  training: loss 4.180, perplexity 65.4, accuracy 19.7%  "
        "validation: loss 4.100, perplexity 60.3, accuracy 22.1%  3,095 words/s  rate 0.0025  "
        f"{SAMPLE}",
    ]  # fmt: skip


def test_plain_output_has_a_line_with_the_progress_after_a_minute_of_silence(terminal, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(train_display, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def timed():
        yield planned()
        for step in range(1, 200):
            now[0] += 1.0
            yield StepProgress(step, step / 100, step / 1200, 5.0, 0.1, 3000.0)

    shown = [line for line in terminal(timed(), plain=True).splitlines() if re.match(r"\d+%", line)]
    assert [line.partition(",")[0] for line in shown] == ["5%", "10%", "15%"]


def test_colour_is_absent_with_no_color_and_the_bar_stays(terminal, monkeypatch):
    assert "\x1b[32m\u2501" in terminal(events())
    monkeypatch.setenv("NO_COLOR", "1")
    seen = terminal(events())
    assert not re.search(r"\x1b\[[0-9;]*m", seen)
    assert "\u2501\u2500" in seen


def test_a_worker_without_a_plan_shows_notes_only(terminal):
    assert terminal([Note("worker 1 of 2: training"), Started("float32")]) == "worker 1 of 2: training\n"


# The command that opens TensorBoard.


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("story", "story/logs"),
        ("my story", '"my story/logs"'),
        ("it's $HOME `x`", """'it'"'"'s $HOME `x`/logs'"""),
        ("-x", "./-x/logs"),
        ("~", "'./~/logs'"),
    ],
)
def test_the_tensorboard_command_can_be_pasted(name, shown, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    logs = Path(name) / "logs"
    assert tensorboard_command(Path(name)) is None  # nothing was written
    (logs / "training").mkdir(parents=True)
    (logs / "training" / "events.out.tfevents.1.host.1.0").write_bytes(b"")
    assert tensorboard_command(Path(name)) is None
    (logs / "training" / "events.out.tfevents.1.host.1.0").write_bytes(b"x")
    assert tensorboard_command(Path(name)) in (f"tensorboard --logdir {shown}", 'tensorboard --logdir "./~/logs"')
    done = subprocess.run(
        ["sh", "-c", f"tensorboard() {{ ls \"$2\"; }}; {tensorboard_command(Path(name))}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "training\n"


def test_tensorboard_outside_the_path_is_named_by_its_own_path(tmp_path, monkeypatch):
    (tmp_path / "run" / "logs").mkdir(parents=True)
    (tmp_path / "run" / "logs" / "events.out.tfevents.1.host.1.0").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("sys.executable", str(tmp_path / "bin" / "python"))
    python = tmp_path / "bin" / "python"
    assert tensorboard_command(Path("run")) == f"{python} -m tensorboard.main --logdir run/logs"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tensorboard").touch()
    assert tensorboard_command(Path("run")) == f"{tmp_path / 'bin' / 'tensorboard'} --logdir run/logs"


# The program itself.


def test_train_plain_on_a_terminal_prints_whole_lines(tmp_path):
    status, seen = in_terminal("train", FABLE, *QUICK, "--plain", "--model", "run", cwd=tmp_path)
    assert status == 0, seen
    assert b"\x1b" not in seen
    text = seen.decode().replace("\r\n", "\n")
    assert "\r" not in text
    assert not re.search("[\u2500-\u257f]", text)
    matched(text, r"^step 15  epoch 5\.0 of 5  100%  training: loss [\d.]+, perplexity [\d.]+, accuracy [\d.]+%  ")
    assert text.splitlines()[-1].startswith("next: rnnwords generate ")


def test_train_in_an_ascii_locale_draws_in_ascii(tmp_path):
    env = environment(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    status, seen = in_terminal("train", FABLE, *QUICK, "--model", "run", cwd=tmp_path, env=env)
    assert status == 0, seen
    assert seen.isascii()
    assert b"\\u" not in seen
    assert b"----- training -----" in seen
    assert b"#" * 20 in seen


@pytest.mark.parametrize(
    ("order", "by_default", "expected"),
    [
        (5, True, ["the network has a weight of 45%", "the cache of 500 words has a weight of 15.0% (sharpness 2)"]),
        (5, False, ["the network has a weight of 70%", "with --cache 500 the cache of 500 words has a weight of 15"]),
        (None, True, ["the cache of 500 words has a weight of 10.0% (sharpness 1)"]),
    ],
)
def test_weights_after_training_are_those_of_the_parts_that_are_used_together(order, by_default, expected):
    fitted = FittedInterpolation(
        order, order and 9, 500, 1_000, None, InterpolationWeights(network=0.7),
        InterpolationWeights(cache=0.1, sharpness=1.0), InterpolationWeights(network=0.6, cache=0.25, sharpness=2.0),
        cache_by_default=by_default,
    )  # fmt: skip
    for line, part in zip(describe_interpolation(fitted), expected, strict=True):
        assert part in line
