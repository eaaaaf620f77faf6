"""The command `rnnwords info`: tables for people, and the history of a training as charts, table, JSON and plot."""

import dataclasses
import json
import math
import re

import pytest

from rnnwords.cli.output.charts import Axis, ChartStyle, Curve, chart
from rnnwords.cli.reports.history_report import lines_of
from rnnwords.training.events import Report
from tests.models import small_model
from tests.processes import ask, environment, in_terminal, matched

PLAIN = ChartStyle(False, lambda text, colour: text)
BRAILLE = ChartStyle(True, lambda text, colour: text)
FIGURES = [(5.02, 0.12, 4.28, 0.21), (4.55, 0.17, 4.02, 0.23), (4.18, 0.20, 3.89, 0.24), (3.85, 0.22, 3.93, 0.23)]
REPORTS = [
    Report(96 * number, float(number), loss, accuracy, 0.004, other_loss, other_accuracy, "a -> b (c)", number < 4, 3e3)
    for number, (loss, accuracy, other_loss, other_accuracy) in enumerate(FIGURES, start=1)
]


def written(directory, reports):
    """Write a run directory with a model and a history."""
    directory.mkdir(exist_ok=True)
    small_model().save(directory / "model.safetensors")
    lines = [json.dumps(dataclasses.asdict(report)) + "\n" for report in reports]
    (directory / "history.jsonl").write_text("".join(lines), encoding="utf-8")
    return directory


@pytest.fixture
def story(tmp_path):
    """Return a run directory with a validation text."""
    return written(tmp_path / "story", REPORTS)


# The model as tables.


def test_info_shows_settings_and_training_as_tables_and_never_json(trained, capsys, monkeypatch):
    status, out, err = ask(capsys, monkeypatch, "info", "--model", trained)
    assert (status, err) == (0, "")
    assert not re.search(r'[{}\[\]"]', out)
    matched(out, r"^network     windows of 3 words, embedding 8, 1 x lstm 16, softmax 112$")
    matched(out, r"^text        tokenizer words, lowercase no, eos no, normalize nfc, rules \d+$")
    matched(
        out,
        r"^reached     accuracy [\d.]+%, perplexity [\d.]+, loss [\d.]+, lowest loss [\d.]+, "
        r"max accuracy 199 of 201, max mean probability 0\.\d+, mean probability [\d.]+ on 201 words of",
    )
    matched(out, r"^best step   \d+, after \d+\.\d epochs$")
    matched(out, r"^trained on  204 words, SHA-256 [0-9a-f]{12}\.\.\.$")
    matched(out, r"^setting +value$")
    matched(out, r"^optimizer +adam$")
    matched(out, r"^learning rate +0\.003$")
    matched(out, r"^seed +1$")


def test_info_of_any_training_record_is_no_json(tmp_path, capsys, monkeypatch):
    record = {
        "settings": {"a": {"b": [1, 2]}, "c": True, "d": None},
        "metrics": {},
        "x": [{"y": 1.5}],
        "z": {"q": None},
    }
    model = dataclasses.replace(small_model(), training=record)
    model.save(tmp_path / "model.safetensors")
    status, out, _ = ask(capsys, monkeypatch, "info", "--model", tmp_path)
    assert status == 0
    assert not re.search(r"[{}\[\]']", out)
    matched(out, r"^x           y 1\.5$")
    matched(out, r"^a +b 1, 2$")


def test_info_wraps_values_to_the_terminal(trained, tmp_path):
    status, seen = in_terminal("info", "--model", trained, cwd=tmp_path, columns=50)
    assert status == 0
    lines = seen.decode().splitlines()
    assert all(len(line) < 50 for line in lines[1:]), lines
    at = next(place for place, line in enumerate(lines) if line.startswith("network "))
    assert lines[at : at + 2] == [
        "network     windows of 3 words, embedding 8, 1 x",
        "            lstm 16, softmax 112",
    ]


# Charts.


def test_a_chart_in_braille_and_in_ascii():
    curves = [
        Curve("training", [(0, 4.0), (10, 2.0), (20, 1.0)], "", "blue"),
        Curve("validation", [(0, 3.0), (20, 2.0)], "o", "yellow"),
        Curve("best", [(20, 2.0)], "*", "green"),
    ]
    right = Axis("perplexity", lambda loss: f"{math.exp(loss):.1f}")
    arguments = (curves, Axis("loss", "{:.1f}".format), right, ("step 0", "step 20"), (40, 5))
    assert list(chart(*arguments, PLAIN)) == [
        "loss (right: perplexity)",
        ".. training, o validation, * best",
        "4.0 +...                          + 54.6",
        "    |ooooooo",
        "2.5 +       ooooooooooooooo       + 12.2",
        "    |            ......... oooooo*",
        "1.0 +                     ........+ 2.7",
        "    +-----------------------------",
        "     step 0                step 20",
    ]
    assert list(chart(*arguments, BRAILLE)) == [
        "loss (right: perplexity)",
        "⠒⠒ training, o validation, * best",
        "4.0 ┤⠉⠒⠤⣀                         ├ 54.6",
        "    │ooooooo⢄⡀",
        "2.5 ┤       ooooooooooooooo       ├ 12.2",
        "    │            ⠈⠑⠒⠢⠤⠤⣀⣀⡀ oooooo*",
        "1.0 ┤                    ⠈⠉⠑⠒⠒⠤⠤⢄⣀├ 2.7",
        "    └─────────────────────────────",
        "     step 0                step 20",
    ]


@pytest.mark.parametrize("reports", [REPORTS, REPORTS[:1], [dataclasses.replace(REPORTS[0], validation_loss=None)] * 3])
@pytest.mark.parametrize("size", [(200, 60), (100, 24), (50, 24), (20, 5)])
@pytest.mark.parametrize("style", [PLAIN, BRAILLE])
def test_charts_fit_the_terminal(reports, size, style):
    lines = list(lines_of(reports, size[0], size[1], style))
    assert all(len(line) <= max(size[0], 40) for line in lines), lines
    if size[1] >= 24:
        assert len(lines) < size[1]


def test_values_that_are_all_equal_are_a_line_in_the_middle():
    curves = [Curve("training", [(1, 2.0), (9, 2.0)], "", "blue")]
    lines = list(chart(curves, Axis("loss", "{:.1f}".format), None, ("1", "9"), (20, 3), PLAIN))
    assert lines[1:4] == ["3.0 +", "2.0 +...............", "1.0 +"]


# The history.


def test_history_on_a_terminal_is_charts(story, tmp_path):
    status, seen = in_terminal("info", "--history", "--model", story, cwd=tmp_path, columns=80)
    assert status == 0
    text = re.sub(r"\x1b\[[0-9;]*m", "", seen.decode()).replace("\r", "")
    matched(text, r"^loss, nats per word: \u2812\u2812 training, o validation, \* best +perplexity$")
    matched(text, r"^5\.02 \u2524\S+ .*\u251c 151\.4$")
    matched(text, r"^accuracy: ")
    matched(text, r"^ +step 96, epoch 1\.0 +step 384, epoch 4\.0$")
    matched(text, r"^best: step 288, epoch 3\.0; training: loss 4\.180, perplexity 65\.4, accuracy$")
    assert b"\x1b[34m" in seen
    status, seen = in_terminal(
        "info", "--history", "--model", story, cwd=tmp_path, env=environment(NO_COLOR="1"), columns=80
    )
    assert b"\x1b" not in seen


@pytest.mark.parametrize(
    "changes", [{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "ascii"}]
)
def test_history_in_ascii_where_the_locale_has_no_more(changes, story, tmp_path):
    env = environment(**changes)
    status, seen = in_terminal("info", "--history", "--model", story, cwd=tmp_path, env=env)
    assert status == 0
    assert seen.isascii()
    assert b"+-----" in seen
    assert b"\\u" not in seen


TABLE = """\
step  epoch   loss  perplexity  accuracy  validation loss  validation perplexity  validation accuracy  best
  96    1.0  5.020       151.4     12.0%            4.280                   72.2                21.0%
 192    2.0  4.550        94.6     17.0%            4.020                   55.7                23.0%
 288    3.0  4.180        65.4     20.0%            3.890                   48.9                24.0%  best
 384    4.0  3.850        47.0     22.0%            3.930                   50.9                23.0%
"""


def test_history_in_a_pipe_is_a_table(story, capsys, monkeypatch):
    assert ask(capsys, monkeypatch, "info", "--history", "--model", story) == (0, TABLE, "")
    assert ask(capsys, monkeypatch, "info", "--history", "--model", story / "model.safetensors") == (0, TABLE, "")


@pytest.mark.parametrize("how", ["--plain", "TERM=dumb"])
def test_history_on_a_plain_terminal_is_a_table(how, story, tmp_path):
    plain = ["--plain"] if how == "--plain" else []
    env = environment(TERM="xterm" if plain else "dumb")
    status, seen = in_terminal("info", "--history", *plain, "--model", story, cwd=tmp_path, env=env, columns=120)
    assert (status, seen.decode().replace("\r", "")) == (0, TABLE)


def test_history_as_json_has_the_series(story, capsys, monkeypatch):
    status, out, _ = ask(capsys, monkeypatch, "info", "--history", "--json", "--model", story)
    found = json.loads(out)
    assert (status, found["directory"]) == (0, str(story))
    assert [report["step"] for report in found["history"]] == [96, 192, 288, 384]
    first = found["history"][0]
    assert first["validation_perplexity"] == pytest.approx(math.exp(4.28))
    assert set(first) == {item.name for item in dataclasses.fields(Report)} | {"perplexity", "validation_perplexity"}


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_history_as_a_plot(ending, story, tmp_path, capsys, monkeypatch):
    plot = tmp_path / f"curves.{ending}"
    status, _, err = ask(capsys, monkeypatch, "info", "--plot", plot, "--model", story)
    assert (status, err) == (0, f"plot {plot}\n")
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending]
    assert plot.read_bytes().startswith(start)
    if ending == "svg":
        assert "nats per word" in re.sub(r"<!--|-->", "", plot.read_text(encoding="utf-8"))


def test_history_of_a_run_without_validation_text_and_of_a_series(tmp_path, capsys, monkeypatch):
    alone = [dataclasses.replace(report, validation_loss=None, validation_accuracy=None) for report in REPORTS]
    series = [dataclasses.replace(report, accuracy=None, loss=0.002) for report in alone]
    for reports, header in ((alone, "step  epoch   loss  perplexity  accuracy"), (series, "step  epoch   loss")):
        run = written(tmp_path / "run", reports)
        status, out, _ = ask(capsys, monkeypatch, "info", "--history", "--model", run)
        assert (status, out.splitlines()[0]) == (0, header)
        assert list(lines_of(reports, 99, 24, BRAILLE))[-1].startswith("last: step 384, epoch 4.0; training: loss ")
        status, _, err = ask(capsys, monkeypatch, "info", "--plot", tmp_path / "x.png", "--model", run, "--quiet")
        assert (status, err) == (0, "")


def test_history_of_a_model_file_alone_is_an_error_that_says_where_it_is(tmp_path, capsys, monkeypatch):
    small_model().save(tmp_path / "model.safetensors")
    status, out, err = ask(capsys, monkeypatch, "info", "--history", "--model", tmp_path / "model.safetensors")
    assert (status, out) == (2, "")
    assert err == (
        f"Error: expected a run directory with history.jsonl, found none in {tmp_path}; a model file alone has no "
        "history, so name the directory that the training wrote\n"
    )
    status, _, err = ask(capsys, monkeypatch, "info", "--history", "--model", tmp_path / "nothing")
    assert status == 2
    assert err.startswith(f"Error: expected a run directory, found nothing at {tmp_path / 'nothing'}; ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected reports in .*, found none; "),
        ('{"step": 1}\n', "history .*, line 1: expected a report, found no "),
        ("[1]\n", "history .*, line 1: expected an object, found "),
        ("{\n", "history .*, line 1 is not valid JSON: "),
        (json.dumps({**dataclasses.asdict(REPORTS[0]), "loss": "low"}) + "\n", "line 1: expected a loss, found 'low'"),
        (json.dumps({**dataclasses.asdict(REPORTS[0]), "step": True}) + "\n", "line 1: expected a step, found True"),
        (json.dumps({**dataclasses.asdict(REPORTS[0]), "loss": 1e300}) + "\n", "line 1: expected a loss, found "),
    ],
)  # fmt: skip
def test_a_damaged_history_is_one_line_of_error(content, message, story, capsys, monkeypatch):
    (story / "history.jsonl").write_text(content, encoding="utf-8")
    status, out, err = ask(capsys, monkeypatch, "info", "--history", "--model", story)
    assert (status, out, err.count("\n")) == (1, "", 1)
    matched(err, f"^Error: .*{message}")


def test_a_line_that_is_being_written_and_keys_of_other_versions_are_ignored(story, capsys, monkeypatch):
    history = story / "history.jsonl"
    older = {name: value for name, value in dataclasses.asdict(REPORTS[0]).items() if name != "best"}
    history.write_text(json.dumps({**older, "new": 1}) + '\n{"step": 192, "lo', encoding="utf-8")
    status, out, _ = ask(capsys, monkeypatch, "info", "--history", "--model", story)
    assert (status, len(out.splitlines())) == (0, 2)


def test_the_default_of_the_history_is_the_run_trained_last(story, capsys, monkeypatch):
    models = story.parent / "models"
    models.mkdir()
    story.rename(models / "story")
    (models / "latest").write_text("story\n", encoding="utf-8")
    monkeypatch.chdir(models.parent)
    assert ask(capsys, monkeypatch, "info", "--history") == (0, TABLE, "run models/story\n")
