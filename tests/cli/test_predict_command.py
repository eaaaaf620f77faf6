"""Tests of `rnnwords predict`: one prompt, many from a file, and a coprocess."""

import json
import os
import sys
import threading

import pytest

from rnnwords.cli import main
from rnnwords.cli import stdin as lines
from rnnwords.cli.output import terminal
from rnnwords.prediction.predictor import Predictor
from tests.models import chain, plain_vocabulary, random_model, saved
from tests.processes import ask, coprocess


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved(chain(), tmp_path_factory.mktemp("chain"))


@pytest.fixture(scope="module")
def cut(tmp_path_factory):
    return saved(chain(max_size=8), tmp_path_factory.mktemp("cut"))


@pytest.fixture
def predict(capsys, monkeypatch, model):
    def predict(*arguments, stdin=None, model=model):
        return ask(capsys, monkeypatch, "predict", "--model", model, *arguments, stdin=stdin)

    return predict


def test_a_prompt_gets_words_with_probabilities(predict):
    status, out, err = predict("had a", "-k", "2")
    rows = [line.split() for line in out.splitlines()]
    assert (status, err) == (0, "")
    assert rows[0][:2] == ["general", "98.00%"]
    assert len(rows) == 2


def test_a_prefix_filters_words_and_renormalizes_probabilities(predict):
    status, out, err = predict("had a", "--prefix", "ge")
    assert (status, out.split()[:2]) == (0, ["general", "100.00%"])
    assert err == "probabilities are renormalized over the words that begin with 'ge'\n"
    assert predict("had a", "--prefix", "ge", "--quiet")[2] == ""
    assert predict("had a", "--prefix", "zz")[1:] == ("", "no word begins with 'zz'\n")


def test_json_has_the_documented_keys_of_predict(predict):
    status, out, _ = predict("had zebra", "--json", "--oov", "skip", "-k", "1")
    answer = json.loads(out)
    assert status == 0
    assert list(answer) == ["prompt", "predictions", "oov", "entropy"]
    assert answer["prompt"] == "had zebra"
    assert answer["oov"] == ["zebra"]
    assert answer["predictions"][0] == {"word": "a", "probability": pytest.approx(0.98, abs=1e-4)}
    assert answer["entropy"] == pytest.approx(0.15, abs=0.05)


def test_an_unknown_word_of_the_argument_is_an_error_for_a_model_without_unk(predict, cut):
    status, out, err = predict("a generals council")
    assert (status, out) == (2, "")
    assert err.startswith("Error: 'generals' is not in the vocabulary of 16 tokens; similar words: general")
    status, out, err = predict("had zebra", model=cut)
    assert (status, err) == (0, "'zebra' is not in the vocabulary of 8 tokens\n")
    assert predict("had zebra", "--oov", "unk")[0] == 2
    assert predict("had zebra", "--oov", "skip")[0] == 0


def test_each_line_of_stdin_gets_one_json_answer(predict):
    status, out, err = predict("--json", "-k", "1", stdin=b"had a\n\nzebra\r\n  \nthey said\xff\nhad")
    answers = [json.loads(line) for line in out.splitlines()]
    assert (status, err) == (0, "")
    assert [answer["prompt"] for answer in answers] == ["had a", "", "zebra", "  ", "they said\ufffd", "had"]
    assert [answer["predictions"][0]["word"] for answer in answers] == ["general", "had", "had", "had", "this", "a"]
    assert [answer["oov"] for answer in answers] == [[], [], ["zebra"], [], ["\ufffd"], []]


def test_each_line_of_stdin_gets_one_line_of_text(predict):
    status, out, _ = predict("-k", "2", stdin=b"had a\n\n")
    first, second = out.splitlines()
    assert status == 0
    assert first.split("\t")[0] == "general 0.9800"
    assert len(second.split("\t")) == 2


def test_empty_stdin_gives_empty_output(predict):
    assert predict(stdin=b"") == (0, "", "")


def test_null_separates_prompts_that_contain_line_ends(predict):
    _, out, _ = predict("--null", "--json", "-k", "1", stdin=b"had\na\0they\nsaid\r\0")
    assert out == predict("-0", "--json", "-k", "1", stdin=b"had\na\0they\nsaid\r\0")[1]
    answers = [json.loads(line) for line in out.splitlines()]
    assert [answer["prompt"] for answer in answers] == ["had\na", "they\nsaid\n"]
    assert [answer["predictions"][0]["word"] for answer in answers] == ["general", "this"]


@pytest.mark.parametrize("mode", ["windows", "stateful"])
def test_a_file_gets_the_same_answers_as_single_prompts(predict, tmp_path, mode):
    path = saved(random_model(plain_vocabulary(30, unk=True), mode=mode), tmp_path)
    predictor = Predictor.load(path)
    prompts = [f"w{n % 7} w{n % 31} w{n * n % 11}"[: n % 12] for n in range(300)]
    _, out, _ = predict("--json", stdin="\n".join(prompts).encode(), model=path)
    answers = [json.loads(line) for line in out.splitlines()]
    for prompt, answer in zip(prompts, answers, strict=True):
        alone = predictor.answer(prompt)
        assert answer["prompt"] == prompt
        assert answer["oov"] == alone.unknown
        assert [item["word"] for item in answer["predictions"]] == [word for word, _ in alone.predictions]
        assert answer["predictions"][0]["probability"] == pytest.approx(alone.predictions[0].probability, rel=1e-4)


def test_a_coprocess_is_answered_line_by_line(model, tmp_path):
    with coprocess("predict", "--model", model, "--json", "-k", "1", cwd=tmp_path) as ask_line:
        for prompt, word in (("had a", "general"), ("they said", "this"), ("", "had")):
            assert json.loads(ask_line(prompt))["predictions"][0]["word"] == word


@pytest.fixture
def pipe(monkeypatch):
    """Return the writing end of a pipe that is standard input."""
    ours, theirs = os.pipe()
    with open(ours, encoding="utf-8") as stream, open(theirs, "wb", buffering=0) as writer:
        monkeypatch.setattr(sys, "stdin", stream)
        yield writer


def test_a_batch_has_the_lines_that_have_arrived(pipe):
    batches = lines.waiting_batches()
    pipe.write(b"one\ntwo\nthr")
    assert next(batches) == [b"one", b"two"]
    pipe.write(b"ee\n\nfour")
    assert next(batches) == [b"three", b""]
    pipe.close()
    assert list(batches) == [[b"four"]]


def test_a_long_line_from_a_pipe_is_not_cut(pipe):
    line = 300_000 * b"a "
    writer = threading.Thread(target=lambda: (pipe.write(line + b"\nend"), pipe.close()))
    writer.start()
    assert [line for batch in lines.waiting_batches() for line in batch] == [line, b"end"]
    writer.join()


def test_batches_of_a_file_grow_and_have_a_limit(tmp_path, monkeypatch):
    path = tmp_path / "lines"
    path.write_bytes(b"".join(b"%d\n" % number for number in range(200_000)))
    with open(path, encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        batches = list(lines.waiting_batches())
    sizes = [len(batch) for batch in batches]
    assert sizes[0] == lines.MIN_LINES
    assert max(sizes) <= lines.MAX_LINES
    assert [line for batch in batches for line in batch] == [b"%d" % number for number in range(200_000)]


def test_a_batch_of_long_lines_is_limited_by_its_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "MAX_BYTES", 1_000)
    monkeypatch.setattr(lines, "READ_SIZE", 10_000)
    path = tmp_path / "lines"
    path.write_bytes(50 * (999 * b"x" + b"\n"))
    with open(path, encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert all(len(batch) <= 11 for batch in lines.waiting_batches())


def test_a_closed_standard_input_is_an_error(capsys, monkeypatch, model):
    monkeypatch.setattr(sys, "stdin", None)
    status, out, err = ask(capsys, monkeypatch, "predict", "--model", model)
    assert (status, out) == (2, "")
    assert "expected text on standard input, found it closed" in err


def test_predict_escapes_control_characters_of_a_vocabulary(predict, tmp_path):
    path = saved(chain("see \x1b]52;c;x see \x1b]52;c;x"), tmp_path)
    _, out, _ = predict("see", model=path)
    assert "\x1b" not in out
    assert "\\x1b" in out


@pytest.mark.parametrize("arguments", [["-k", "0"], ["--oov", "guess"], ["-k", "x"]])
def test_invalid_options_of_predict_fail_before_the_model_is_read(predict, arguments):
    status, out, err = predict("had", *arguments, model="/nowhere")
    assert (status, out) == (2, "")
    assert "/nowhere" not in err


@pytest.mark.parametrize(("given", "expected"), [(None, "1"), ("3", "3")])
def test_numpy_runs_single_threaded_unless_the_environment_says_otherwise(monkeypatch, given, expected):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", given or "")
    if given is None:
        monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    monkeypatch.setattr("rnnwords.cli.prepare_streams", lambda: None)  # the stderr that it opens is that of a process
    with pytest.raises(SystemExit):
        main(["--version"])
    assert os.environ["OPENBLAS_NUM_THREADS"] == expected


def test_batches_are_small_where_each_answer_has_many_words(predict, monkeypatch):
    monkeypatch.setattr(sys.modules["rnnwords.cli.commands.predict"], "MAX_PREDICTIONS", 200)
    sizes, answer_each = [], Predictor.answer_each

    def counted(self, prompts, *arguments, **options):
        sizes.append(len(prompts))
        return answer_each(self, prompts, *arguments, **options)

    monkeypatch.setattr(Predictor, "answer_each", counted)
    _, out, _ = predict("-k", "999", stdin=b"had a\n" * 40)
    assert len(out.splitlines()) == 40
    assert max(sizes) == 200 // 16


def test_a_prefix_is_tolerant_unless_exact(predict):
    assert predict("had a", "--prefix", "GENE", "-k", "1")[1].split()[0] == "GENERAL"
    assert predict("had a", "--prefix", "G", "-k", "1")[1].split()[0] == "General"
    status, out, err = predict("had a", "--prefix", "genral")
    assert (status, out.split()[0]) == (0, "general")
    assert err.startswith("probabilities are renormalized over the words that begin with, or but for one typing error")
    assert predict("had a", "--prefix", "genral", "--exact")[1:] == ("", "no word begins with 'genral'\n")
    assert predict("had a", "--prefix", "Ge", "--exact")[1:] == ("", "no word begins with 'Ge'\n")
    assert predict("--prefix", "Ge", "-k", "1", stdin=b"had a\n")[1] == "General 1.0000\n"


def test_json_has_the_word_of_the_vocabulary_and_the_text_that_is_offered(predict):
    _, out, _ = predict("had a", "--prefix", "Ge", "-k", "1", "--json")
    assert json.loads(out)["predictions"] == [
        {"word": "general", "probability": pytest.approx(1.0), "text": "General"}
    ]  # fmt: skip


@pytest.mark.parametrize("prompt", ["- Then we", "-- yes", "-yes", "--yes please", "-5"])
def test_a_prompt_that_begins_with_a_dash_is_one_line_with_the_remedy(predict, prompt):
    status, out, err = predict(prompt)
    assert (status, out) == (2, "")
    assert f"if {prompt!r} is PROMPT, write it last, after --" in err
    assert err.count("\n") == 1
    assert predict("--oov", "skip", "--", prompt)[0] == 0


def test_words_are_cut_to_the_width_of_a_terminal_but_not_in_a_pipe(predict, tmp_path, monkeypatch):
    path = saved(chain("see " + 900 * "x" + " see " + 60 * "\u4e2d"), tmp_path)
    assert 900 * "x" in predict("see", model=path)[1]
    monkeypatch.setattr(sys.modules["rnnwords.cli.commands.predict"], "columns", lambda output: 40)
    lines = predict("see", model=path)[1].splitlines()
    assert all(terminal.cell_count(line) < 40 for line in lines)
    assert "\u2026" in "".join(lines)


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("abc", 3, "abc"), ("abcd", 3, "ab\u2026"), ("\u4e2d\u6587", 4, "\u4e2d\u6587"),
        ("\u4e2d\u6587\u5b57", 4, "\u4e2d\u2026"), ("e\u0301" * 3, 3, "e\u0301" * 3),
        ("e\u0301" * 4, 3, "e\u0301" * 2 + "\u2026"), ("", 1, ""),
    ],
)  # fmt: skip
def test_cut_counts_columns(text, width, expected):
    assert terminal.cut(text, width) == expected
    assert len(terminal.cut(text + 1_000_000 * "\u0301", width)) < 200
