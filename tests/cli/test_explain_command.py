"""Tests of `rnnwords explain`: tables, JSON, plots and errors."""

import json
import os
import sys
from pathlib import Path

import pytest

from rnnwords.cli.reports.explain_tables import TableStyle, lines_of, report, table
from rnnwords.prediction.predictor import Predictor
from tests.models import chain, plain_vocabulary, random_model, saved
from tests.processes import ask, coprocess, environment, in_terminal, screen, without_privileges
from tests.processes import rnnwords as program
from tests.texts import GOLDEN, write

MODEL = GOLDEN / "model-1.0.safetensors"
PROMPT = "cat , said"
PIPE = TableStyle(None, "", "\u00b1")
GATES = {"lstm": ["input", "forget", "candidate", "output"], "gru": ["update", "reset", "candidate"], "simple": []}
SIGNATURES = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


@pytest.fixture
def explain(capsys, monkeypatch):
    def explain(*arguments, stdin=None, model=MODEL):
        return ask(capsys, monkeypatch, "explain", "--model", model, *arguments, stdin=stdin)

    return explain


def test_the_tables_of_the_golden_model(explain):
    status, out, err = explain(PROMPT, "-k", "2")
    assert (status, err) == (0, "")
    parts = out.split("\n\n")
    assert parts[0] == "cat , said -> the 48.45%"
    rows = [line.split() for line in parts[1].splitlines()]
    assert rows[0] == ["after", "next", "2"]
    assert [row[0] for row in rows[1:]] == ["cat", ",", "said"]
    assert rows[3] == ["said", "the", "48.45%", "said", "9.92%"]
    golden = json.loads((GOLDEN / "model-1.0.json").read_text())
    expected = next(case for case in golden["windows"] if case["words"] == PROMPT.split())["probabilities"]
    assert [f"{share:.2%}" for share in sorted(expected, reverse=True)[:2]] == ["48.45%", "9.92%"]
    for number, part in enumerate(parts[2:-1], start=1):
        assert part.startswith(f"lstm_{number}: mean \u00b1spread of ")
        head, *rows = (line.split() for line in part.splitlines()[1:])
        assert head == ["word", "input", "forget", "output", "cell"]
        assert [row[0] for row in rows] == PROMPT.split()
        assert all(len(row) == 9 for row in rows)
    head, *rows = (line.split() for line in parts[-1].splitlines()[1:])
    assert head == ["without", "the", "then", "next", "divergence"]
    assert [row[0] for row in rows] == ["(none)", *PROMPT.split()]
    assert rows[0][1] == "48.45%"


def test_json_has_the_numbers_of_the_library(explain):
    status, out, err = explain(PROMPT, "--json", "-k", "3")
    found = json.loads(out, parse_constant=pytest.fail)
    assert (status, err, out.count("\n")) == (0, "", 1)
    assert found == report(Predictor.load(MODEL).explain(PROMPT, 3))


@pytest.mark.parametrize("cell", GATES)
@pytest.mark.parametrize("prompt", ["", "w1", "w1 w2 w3 w4"])
def test_json_has_the_documented_keys_of_explain(explain, tmp_path, cell, prompt):
    path = saved(random_model(plain_vocabulary(9), cell=cell), tmp_path)
    found = json.loads(explain(prompt, "--json", model=path)[1], parse_constant=pytest.fail)
    assert list(found) == [
        "prompt", "predictions", "oov", "entropy", "truncated", "words_before", "words", "without"
    ]  # fmt: skip
    assert found["predictions"][0].keys() == {"word", "probability"}
    assert len(found["words"]) == len(found["without"]) == min(3, len(prompt.split()))
    for word in found["words"]:
        assert list(word) == ["word", "id", "predictions", "layers"]
        for number, layer in enumerate(word["layers"], start=1):
            assert list(layer) == ["layer", "gates", "cell", "hidden"]
            assert layer["layer"] == f"{cell}_{number}"
            assert list(layer["gates"]) == GATES[cell]
            summaries = [*layer["gates"].values(), layer["hidden"], *([layer["cell"]] if cell == "lstm" else [])]
            assert all(list(summary) == ["mean", "spread"] for summary in summaries)
            assert (layer["cell"] is None) == (cell != "lstm")
    for one in found["without"]:
        assert list(one) == ["word", "probability", "predictions", "divergence"]


@pytest.mark.parametrize("cell", GATES)
def test_tables_have_a_column_per_gate_of_the_cell(explain, tmp_path, cell):
    path = saved(random_model(plain_vocabulary(9), cell=cell), tmp_path)
    status, out, _ = explain("w1 w2", model=path)
    head = out.split("\n\n")[2].splitlines()[1].split()
    shown = [gate for gate in GATES[cell] if gate != "candidate"]
    assert (status, head) == (0, ["word", *shown, "cell" if cell == "lstm" else "hidden"])
    assert ("closed gate" in out) == bool(shown)


def test_each_line_of_stdin_gets_one_json_explanation(explain):
    status, out, err = explain("--json", "-k", "1", stdin=b"the cat\n\nzebra\r\nmouse\xff")
    found = [json.loads(line) for line in out.splitlines()]
    assert (status, err) == (0, "")
    assert [one["prompt"] for one in found] == ["the cat", "", "zebra", "mouse\ufffd"]
    assert [[word["word"] for word in one["words"]] for one in found] == [["the", "cat"], [], [], ["mouse"]]
    assert [one["oov"] for one in found] == [[], [], ["zebra"], ["\ufffd"]]
    status, out, _ = explain("--json", "-0", stdin=b"the\ncat\0mouse")
    assert [json.loads(line)["prompt"] for line in out.splitlines()] == ["the\ncat", "mouse"]
    assert explain(stdin=b"") == (0, "", "")


def test_each_line_of_stdin_gets_tables(explain):
    status, out, _ = explain(stdin=b"the cat\n\n")
    assert status == 0
    heads = [line.partition(" -> ")[0] for line in out.splitlines() if " -> " in line]
    assert heads == ["the cat", "no word read"]


def test_a_coprocess_of_explain_is_answered_line_by_line(tmp_path):
    with coprocess("explain", "--model", MODEL, "--json", cwd=tmp_path) as ask_line:
        for prompt in ("the cat", "", "mouse"):
            assert json.loads(ask_line(prompt))["prompt"] == prompt


def test_notes_say_which_words_of_a_long_prompt_are_read(explain, tmp_path):
    assert explain("cat the cat , said")[2] == "only the last 3 words of the prompt are read\n"
    assert explain("cat the cat , said", "--quiet")[2] == ""
    stream = saved(random_model(plain_vocabulary(9), mode="stateful"), tmp_path)
    assert explain("w1 " * 70, model=stream)[2] == "the 6 words before those shown are read, too\n"
    assert explain("w1 " * 1_002, model=stream)[2].startswith("only the last 1,000 words of the prompt are read\n")


def test_an_unknown_word_is_an_error_for_a_model_without_unk(explain, tmp_path):
    status, out, err = explain("the catt")
    assert (status, out) == (2, "")
    assert err.startswith("Error: 'catt' is not in the vocabulary of 12 tokens; similar words: cat")
    assert explain("the catt", "--oov", "skip")[0] == 0
    path = saved(random_model(plain_vocabulary(9, unk=True)), tmp_path)
    status, out, err = explain("w1 zebra", model=path)
    assert (status, err) == (0, "'zebra' is not in the vocabulary of 9 tokens\n")
    assert out.startswith("w1 <unk> -> ")


@pytest.mark.parametrize("ending", SIGNATURES)
def test_equal_plots_have_equal_bytes(explain, tmp_path, ending):
    pytest.importorskip("matplotlib")
    paths = tmp_path / f"one{ending}", tmp_path / f"two{ending}"
    for path in paths:
        status, out, err = explain(PROMPT, "--plot", path)
        assert (status, err) == (0, f"plot {path}\n")
        assert out
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    assert first.startswith(SIGNATURES[ending])


@pytest.mark.parametrize(
    ("settings", "prompt"),
    [
        ({"cell": "gru", "layers": 1}, "w1"),
        ({"cell": "simple", "layers": 5}, "w1 w2 w3"),
        ({"mode": "stateful", "units": 70}, "w1 w2 " * 20),
        ({"mode": "stateful", "layers": 3}, "w1 w2 " * 6),
    ],
)
def test_networks_of_any_shape_can_be_plotted(explain, tmp_path, settings, prompt):
    pytest.importorskip("matplotlib")
    path = saved(random_model(plain_vocabulary(9), **settings), tmp_path)
    assert explain(prompt, "--plot", tmp_path / "gates.png", model=path)[0] == 0
    assert (tmp_path / "gates.png").stat().st_size > 5_000


def test_words_with_dollar_signs_and_control_characters_can_be_plotted(explain, tmp_path):
    pytest.importorskip("matplotlib")
    path = saved(chain("see $x_ \u4e2d $$ \x1b]52;c;x extraordinarilylongword", words=9), tmp_path)
    assert explain("see $$", "--oov", "skip", "--plot", tmp_path / "gates.svg", model=path)[0] == 0
    assert "\x1b" not in (tmp_path / "gates.svg").read_text()


@pytest.mark.parametrize("name", ["gates", "gates.jpg", "gates.png.txt", ".png/", "nowhere/gates.png", "."])
def test_an_invalid_plot_name_is_refused_before_the_model_is_read(explain, tmp_path, name):
    with_name = os.path.join(tmp_path, name)
    status, out, err = explain(PROMPT, "--plot", with_name, model="/no-model")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "/no-model" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_plot_needs_one_prompt_with_a_known_word(explain, tmp_path):
    status, out, err = explain("--plot", tmp_path / "gates.png", stdin=b"the cat\n")
    assert (status, out, err) == (2, "", "Error: --plot: expected one PROMPT, found none; pass it as the argument\n")
    status, out, err = explain("", "--plot", tmp_path / "gates.png")
    assert (status, out) == (2, "")
    assert err == "Error: expected a prompt with a known word, found none; there is nothing to plot\n"
    assert list(tmp_path.iterdir()) == []


def test_a_plot_in_a_read_only_directory_is_a_one_line_error(tmp_path):
    pytest.importorskip("matplotlib")
    place = tmp_path / "locked"
    place.mkdir(mode=0o500)
    done = program(
        "explain", PROMPT, "--model", MODEL, "--plot", place / "gates.png", cwd=tmp_path, before=without_privileges()
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Error: could not save {place}/gates.png: Permission denied")
    assert len(done.stderr.splitlines()) == 1


def test_a_plot_without_matplotlib_names_the_package_to_install(explain, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # importing it raises
    status, out, err = explain(PROMPT, "--plot", tmp_path / "gates.png")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.endswith("install it with: pip install 'rnnwords[plot]'\n")


def test_a_damaged_model_is_a_one_line_error(explain, tmp_path):
    data = MODEL.read_bytes()
    path = write(tmp_path / "model.safetensors", data[:-100])
    status, out, err = explain(PROMPT, model=path)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "is damaged: " in err


@pytest.mark.parametrize("arguments", [["-k", "0"], ["--oov", "guess"], ["-k", "x"]])
def test_invalid_options_of_explain_fail_before_the_model_is_read(explain, arguments):
    status, out, err = explain("the", *arguments, model="/nowhere")
    assert (status, out) == (2, "")
    assert "/nowhere" not in err


@pytest.mark.parametrize("columns", [120, 80, 50, 30, 12])
def test_tables_on_a_terminal_have_bars_and_fit_its_width(tmp_path, columns):
    status, seen = in_terminal("explain", PROMPT, "--model", MODEL, cwd=tmp_path, columns=columns)
    assert status == 0
    assert "\u2587" in seen.decode()
    tables = [line for line in seen.decode().split("\r\n") if "->" not in line and ";" not in line]
    assert max(map(len, tables)) <= max(columns, 40)
    assert "\x1b" not in seen.decode()


@pytest.mark.parametrize("changes", [{"TERM": "dumb"}, {"TERM": None}])
def test_a_plain_terminal_gets_tables_without_bars(tmp_path, changes):
    status, seen = in_terminal("explain", PROMPT, "--model", MODEL, cwd=tmp_path, env=environment(**changes))
    assert status == 0
    assert "\u2587" not in seen.decode()
    assert "##" not in seen.decode()
    assert screen(seen)[0] == "cat , said -> the 48.45%"


def test_a_terminal_without_unicode_gets_ascii(tmp_path):
    plain = environment(LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    status, seen = in_terminal("explain", PROMPT, "--model", MODEL, cwd=tmp_path, env=plain)
    assert status == 0
    assert seen.isascii()
    assert b"###" in seen
    assert b"+-" in seen


def test_explain_escapes_control_characters_of_a_vocabulary(explain, tmp_path):
    path = saved(chain("see \x1b]52;c;x see \x1b]52;c;x"), tmp_path)
    _, out, _ = explain("see see", model=path)
    assert "\x1b" not in out
    assert "\\x1b" in out


def test_wide_characters_are_aligned():
    rows = [["word", "a", "b"], ["\u4e2d\u6587", "1", "2"], ["x", "1"]]
    assert list(table(rows, None)) == ["word  a  b", "\u4e2d\u6587  1  2", "x     1"]
    assert list(table(rows, 9)) == ["word  a", "\u4e2d\u6587  1", "x     1", "", "word  b", "\u4e2d\u6587  2", "x"]


def test_a_vocabulary_of_unk_alone_predicts_nothing():
    predictor = Predictor(random_model(plain_vocabulary(1, unk=True)))
    text = "\n".join(lines_of(predictor.explain("anything"), PIPE))
    assert text.startswith("<unk> -> nothing")


def test_an_empty_run_directory_is_an_error(explain, tmp_path: Path):
    status, out, err = explain(PROMPT, model=tmp_path)
    assert (status, out) == (2, "")
    assert f"expected a model, found nothing at {tmp_path}/model.safetensors" in err
