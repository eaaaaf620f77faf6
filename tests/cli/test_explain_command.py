"""`rnnwords explain`: tables for people, JSON for programs, a picture, and what it says where it cannot."""

import json
import os
import sys
from pathlib import Path

import pytest

from rnnwords.cli.reports.explain_tables import Paper, lines_of, report, table
from tests.asking import Predictor, ask, chain, coprocess, plain_vocabulary, random_model, saved
from tests.helpers import GOLDEN, write
from tests.processes import environment, in_terminal, screen, without_privileges
from tests.processes import rnnwords as program

MODEL = GOLDEN / "model-1.0.safetensors"
PROMPT = "cat , said"
PIPE = Paper(None, "", "\u00b1")
GATES = {"lstm": ["input", "forget", "candidate", "output"], "gru": ["update", "reset", "candidate"], "simple": []}
PICTURES = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


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
def test_the_keys_of_json(explain, tmp_path, cell, prompt):
    path = saved(random_model(plain_vocabulary(9), cell=cell), tmp_path)
    found = json.loads(explain(prompt, "--json", model=path)[1], parse_constant=pytest.fail)
    assert list(found) == [
        "prompt", "predictions", "oov", "entropy", "truncated", "words_before", "words", "without"
    ]  # fmt: skip
    assert found["predictions"][0].keys() == {"word", "probability"}
    assert len(found["words"]) == len(found["without"]) == min(3, len(prompt.split()))
    for word in found["words"]:
        assert list(word) == ["word", "rank", "predictions", "layers"]
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
def test_the_columns_of_each_cell(explain, tmp_path, cell):
    path = saved(random_model(plain_vocabulary(9), cell=cell), tmp_path)
    status, out, _ = explain("w1 w2", model=path)
    head = out.split("\n\n")[2].splitlines()[1].split()
    shown = [gate for gate in GATES[cell] if gate != "candidate"]
    assert (status, head) == (0, ["word", *shown, "cell" if cell == "lstm" else "hidden"])
    assert ("closed gate" in out) == bool(shown)


def test_every_line_has_an_explanation(explain):
    status, out, err = explain("--json", "-k", "1", stdin=b"the cat\n\nzebra\r\nmouse\xff")
    found = [json.loads(line) for line in out.splitlines()]
    assert (status, err) == (0, "")
    assert [one["prompt"] for one in found] == ["the cat", "", "zebra", "mouse\ufffd"]
    assert [[word["word"] for word in one["words"]] for one in found] == [["the", "cat"], [], [], ["mouse"]]
    assert [one["oov"] for one in found] == [[], [], ["zebra"], ["\ufffd"]]
    status, out, _ = explain("--json", "-0", stdin=b"the\ncat\0mouse")
    assert [json.loads(line)["prompt"] for line in out.splitlines()] == ["the\ncat", "mouse"]
    assert explain(stdin=b"") == (0, "", "")


def test_a_stream_of_tables(explain):
    status, out, _ = explain(stdin=b"the cat\n\n")
    assert status == 0
    heads = [line.partition(" -> ")[0] for line in out.splitlines() if " -> " in line]
    assert heads == ["the cat", "no word is read"]


def test_a_program_that_asks_line_by_line_is_answered_at_once(tmp_path):
    with coprocess("explain", "--model", MODEL, "--json", cwd=tmp_path) as ask_line:
        for prompt in ("the cat", "", "mouse"):
            assert json.loads(ask_line(prompt))["prompt"] == prompt


def test_what_was_not_read_is_told(explain, tmp_path):
    assert explain("cat the cat , said")[2] == "only the last 3 words of the prompt are read\n"
    assert explain("cat the cat , said", "--quiet")[2] == ""
    stream = saved(random_model(plain_vocabulary(9), reading="stateful"), tmp_path)
    assert explain("w1 " * 70, model=stream)[2] == "the 6 words before those shown are read, too\n"
    assert explain("w1 " * 1_002, model=stream)[2].startswith("only the last 1,000 words of the prompt are read\n")


def test_an_unknown_word_of_the_argument_is_an_error_without_unk(explain, tmp_path):
    status, out, err = explain("the catt")
    assert (status, out) == (2, "")
    assert err.startswith("Error: 'catt' is not among the 12 symbols of the vocabulary; near words: cat")
    assert explain("the catt", "--oov", "skip")[0] == 0
    path = saved(random_model(plain_vocabulary(9, unk=True)), tmp_path)
    status, out, err = explain("w1 zebra", model=path)
    assert (status, err) == (0, "'zebra' is not among the 9 symbols of the vocabulary\n")
    assert out.startswith("w1 <unk> -> ")


@pytest.mark.parametrize("ending", PICTURES)
def test_a_picture_is_drawn_the_same_each_time(explain, tmp_path, ending):
    pytest.importorskip("matplotlib")
    paths = tmp_path / f"one{ending}", tmp_path / f"two{ending}"
    for path in paths:
        status, out, err = explain(PROMPT, "--plot", path)
        assert (status, err) == (0, f"drawn: {path}\n")
        assert out
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    assert first.startswith(PICTURES[ending])


@pytest.mark.parametrize(
    ("settings", "prompt"),
    [
        ({"cell": "gru", "layers": 1}, "w1"),
        ({"cell": "simple", "layers": 5}, "w1 w2 w3"),
        ({"reading": "stateful", "units": 70}, "w1 w2 " * 20),
        ({"reading": "stateful", "layers": 3}, "w1 w2 " * 6),
    ],
)
def test_every_network_has_a_picture(explain, tmp_path, settings, prompt):
    pytest.importorskip("matplotlib")
    path = saved(random_model(plain_vocabulary(9), **settings), tmp_path)
    assert explain(prompt, "--plot", tmp_path / "gates.png", model=path)[0] == 0
    assert (tmp_path / "gates.png").stat().st_size > 5_000


def test_odd_words_are_drawn_as_they_are(explain, tmp_path):
    pytest.importorskip("matplotlib")
    path = saved(chain("see $x_ \u4e2d $$ \x1b]52;c;x extraordinarilylongword", words=9), tmp_path)
    assert explain("see $$", "--oov", "skip", "--plot", tmp_path / "gates.svg", model=path)[0] == 0
    assert "\x1b" not in (tmp_path / "gates.svg").read_text()


@pytest.mark.parametrize("name", ["gates", "gates.jpg", "gates.png.txt", ".png/", "nowhere/gates.png", "."])
def test_a_name_that_no_picture_can_have_is_refused_before_the_model_is_looked_for(explain, tmp_path, name):
    with_name = os.path.join(tmp_path, name)
    status, out, err = explain(PROMPT, "--plot", with_name, model="/no-model")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "/no-model" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_picture_needs_one_prompt_and_a_word(explain, tmp_path):
    status, out, err = explain("--plot", tmp_path / "gates.png", stdin=b"the cat\n")
    assert (status, out, err) == (2, "", "Error: --plot draws one prompt; give it as the argument\n")
    status, out, err = explain("", "--plot", tmp_path / "gates.png")
    assert (status, out) == (2, "")
    assert err == "Error: no word of the prompt is read, so there is nothing to draw\n"
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    pytest.importorskip("matplotlib")
    place = tmp_path / "locked"
    place.mkdir(mode=0o500)
    done = program(
        "explain", PROMPT, "--model", MODEL, "--plot", place / "gates.png", cwd=tmp_path, before=without_privileges()
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Error: could not save {place}/gates.png: Permission denied")
    assert len(done.stderr.splitlines()) == 1


def test_a_picture_without_matplotlib_says_what_to_install(explain, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # importing it raises
    status, out, err = explain(PROMPT, "--plot", tmp_path / "gates.png")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.endswith("install it with: pip install matplotlib\n")


def test_a_damaged_model_is_one_line(explain, tmp_path):
    data = MODEL.read_bytes()
    path = write(tmp_path / "model.safetensors", data[:-100])
    status, out, err = explain(PROMPT, model=path)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "is damaged: " in err


@pytest.mark.parametrize("arguments", [["-k", "0"], ["--oov", "guess"], ["-k", "x"]])
def test_bad_options_are_refused_before_the_model_is_looked_for(explain, arguments):
    status, out, err = explain("the", *arguments, model="/nowhere")
    assert (status, out) == (2, "")
    assert "/nowhere" not in err


@pytest.mark.parametrize("columns", [120, 80, 50, 30, 12])
def test_on_a_terminal_there_are_bars_and_no_line_is_wrapped(tmp_path, columns):
    status, seen = in_terminal("explain", PROMPT, "--model", MODEL, cwd=tmp_path, columns=columns)
    assert status == 0
    assert "\u2587" in seen.decode()
    tables = [line for line in seen.decode().split("\r\n") if "->" not in line and ";" not in line]
    assert max(map(len, tables)) <= max(columns, 40)
    assert "\x1b" not in seen.decode()


@pytest.mark.parametrize("changes", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": None}])
def test_a_terminal_that_wants_no_bars_gets_none(tmp_path, changes):
    status, seen = in_terminal("explain", PROMPT, "--model", MODEL, cwd=tmp_path, env=environment(**changes))
    assert status == 0
    assert "\u2587" not in seen.decode()
    assert "##" not in seen.decode()
    assert screen(seen)[0] == "cat , said -> the 48.45%"


def test_a_terminal_without_unicode(tmp_path):
    plain = environment(LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    status, seen = in_terminal("explain", PROMPT, "--model", MODEL, cwd=tmp_path, env=plain)
    assert status == 0
    assert seen.isascii()
    assert b"###" in seen
    assert b"+-" in seen


def test_control_characters_of_a_vocabulary_are_escaped(explain, tmp_path):
    path = saved(chain("see \x1b]52;c;x see \x1b]52;c;x"), tmp_path)
    _, out, _ = explain("see see", model=path)
    assert "\x1b" not in out
    assert "\\x1b" in out


def test_words_as_wide_as_two_columns_are_aligned():
    rows = [["word", "a", "b"], ["\u4e2d\u6587", "1", "2"], ["x", "1"]]
    assert list(table(rows, None)) == ["word  a  b", "\u4e2d\u6587  1  2", "x     1"]
    assert list(table(rows, 9)) == ["word  a", "\u4e2d\u6587  1", "x     1", "", "word  b", "\u4e2d\u6587  2", "x"]


def test_a_model_of_one_symbol_that_is_never_shown():
    asked = Predictor(random_model(plain_vocabulary(1, unk=True)))
    text = "\n".join(lines_of(asked.explain("anything"), PIPE))
    assert text.startswith("<unk> -> nothing")


def test_a_model_of_which_nothing_is_left(explain, tmp_path: Path):
    status, out, err = explain(PROMPT, model=tmp_path)
    assert (status, out) == (2, "")
    assert "there is no model at" in err
