"""`rnnwords predict`: one prompt, a file of them, and a program that asks line by line."""

import json
import os
import sys
import threading

import pytest

from rnnwords.cli import main
from rnnwords.cli import stdin as lines
from tests.asking import Predictor, ask, chain, coprocess, plain_vocabulary, random_model, saved


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


def test_words_are_ranked_with_their_probability(predict):
    status, out, err = predict("had a", "-k", "2")
    rows = [line.split() for line in out.splitlines()]
    assert (status, err) == (0, "")
    assert rows[0][:2] == ["general", "98.00%"]
    assert len(rows) == 2


def test_a_prefix_is_completed_and_said_to_be_renormalised(predict):
    status, out, err = predict("had a", "--prefix", "ge")
    assert (status, out.split()[:2]) == (0, ["general", "100.00%"])
    assert err == "probabilities are of the words that begin with 'ge'\n"
    assert predict("had a", "--prefix", "ge", "--quiet")[2] == ""
    assert predict("had a", "--prefix", "zz")[1:] == ("", "no word begins with 'zz'\n")


def test_the_keys_of_json(predict):
    status, out, _ = predict("had zebra", "--json", "--oov", "skip", "-k", "1")
    answer = json.loads(out)
    assert status == 0
    assert list(answer) == ["prompt", "predictions", "oov", "entropy"]
    assert answer["prompt"] == "had zebra"
    assert answer["oov"] == ["zebra"]
    assert answer["predictions"][0] == {"word": "a", "probability": pytest.approx(0.98, abs=1e-4)}
    assert answer["entropy"] == pytest.approx(0.15, abs=0.05)


def test_an_unknown_word_of_the_argument_is_an_error_without_unk(predict, cut):
    status, out, err = predict("a generals council")
    assert (status, out) == (2, "")
    assert err.startswith("Error: 'generals' is not among the 16 symbols of the vocabulary; near words: general")
    status, out, err = predict("had zebra", model=cut)
    assert (status, err) == (0, "'zebra' is not among the 8 symbols of the vocabulary\n")
    assert predict("had zebra", "--oov", "unk")[0] == 2
    assert predict("had zebra", "--oov", "skip")[0] == 0


def test_every_line_has_an_answer(predict):
    status, out, err = predict("--json", "-k", "1", stdin=b"had a\n\nzebra\r\n  \nthey said\xff\nhad")
    answers = [json.loads(line) for line in out.splitlines()]
    assert (status, err) == (0, "")
    assert [answer["prompt"] for answer in answers] == ["had a", "", "zebra", "  ", "they said\ufffd", "had"]
    assert [answer["predictions"][0]["word"] for answer in answers] == ["general", "had", "had", "had", "this", "a"]
    assert [answer["oov"] for answer in answers] == [[], [], ["zebra"], [], ["\ufffd"], []]


def test_answers_as_text_are_one_line_each(predict):
    status, out, _ = predict("-k", "2", stdin=b"had a\n\n")
    first, second = out.splitlines()
    assert status == 0
    assert first.split("\t")[0] == "general 0.9800"
    assert len(second.split("\t")) == 2


def test_nothing_to_answer(predict):
    assert predict(stdin=b"") == (0, "", "")


def test_prompts_may_end_in_nul(predict):
    _, out, _ = predict("-0", "--json", "-k", "1", stdin=b"had\na\0they\nsaid\r\0")
    answers = [json.loads(line) for line in out.splitlines()]
    assert [answer["prompt"] for answer in answers] == ["had\na", "they\nsaid\r"]
    assert [answer["predictions"][0]["word"] for answer in answers] == ["general", "this"]


@pytest.mark.parametrize("reading", ["windows", "stateful"])
def test_a_file_is_answered_as_line_by_line(predict, tmp_path, reading):
    path = saved(random_model(plain_vocabulary(30, unk=True), reading=reading), tmp_path)
    asked = Predictor.load(path)
    prompts = [f"w{n % 7} w{n % 31} w{n * n % 11}"[: n % 12] for n in range(300)]
    _, out, _ = predict("--json", stdin="\n".join(prompts).encode(), model=path)
    answers = [json.loads(line) for line in out.splitlines()]
    for prompt, answer in zip(prompts, answers, strict=True):
        alone = asked.answer(prompt)
        assert answer["prompt"] == prompt
        assert answer["oov"] == alone.unknown
        assert [item["word"] for item in answer["predictions"]] == [word for word, _ in alone.predictions]
        assert answer["predictions"][0]["probability"] == pytest.approx(alone.predictions[0].probability, rel=1e-4)


def test_a_program_that_asks_line_by_line_is_answered_at_once(model, tmp_path):
    with coprocess("predict", "--model", model, "--json", "-k", "1", cwd=tmp_path) as ask_line:
        for prompt, word in (("had a", "general"), ("they said", "this"), ("", "had")):
            assert json.loads(ask_line(prompt))["predictions"][0]["word"] == word


@pytest.fixture
def pipe(monkeypatch):
    """A pipe as standard input: its writing end."""
    ours, theirs = os.pipe()
    with open(ours, encoding="utf-8") as stream, open(theirs, "wb", buffering=0) as writer:
        monkeypatch.setattr(sys, "stdin", stream)
        yield writer


def test_a_batch_is_what_is_there(pipe):
    batches = lines.waiting_batches()
    pipe.write(b"one\ntwo\nthr")
    assert next(batches) == [b"one", b"two"]
    pipe.write(b"ee\n\nfour")
    assert next(batches) == [b"three", b""]
    pipe.close()
    assert list(batches) == [[b"four"]]


def test_a_long_line_comes_whole_from_a_pipe(pipe):
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
    assert sizes[0] == lines.LEAST
    assert max(sizes) <= lines.MOST
    assert [line for batch in batches for line in batch] == [b"%d" % number for number in range(200_000)]


def test_a_batch_of_long_lines_is_limited_by_its_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "MOST_BYTES", 1_000)
    monkeypatch.setattr(lines, "READ", 10_000)
    path = tmp_path / "lines"
    path.write_bytes(50 * (999 * b"x" + b"\n"))
    with open(path, encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert all(len(batch) <= 11 for batch in lines.waiting_batches())


def test_a_closed_standard_input_is_an_error(capsys, monkeypatch, model):
    monkeypatch.setattr(sys, "stdin", None)
    status, out, err = ask(capsys, monkeypatch, "predict", "--model", model)
    assert (status, out) == (2, "")
    assert "standard input is closed" in err


def test_control_characters_of_a_vocabulary_are_escaped(predict, tmp_path):
    path = saved(chain("see \x1b]52;c;x see \x1b]52;c;x"), tmp_path)
    _, out, _ = predict("see", model=path)
    assert "\x1b" not in out
    assert "\\x1b" in out


@pytest.mark.parametrize("arguments", [["-k", "0"], ["--oov", "guess"], ["-k", "x"]])
def test_bad_options_are_refused_before_the_model_is_looked_for(predict, arguments):
    status, out, err = predict("had", *arguments, model="/nowhere")
    assert (status, out) == (2, "")
    assert "/nowhere" not in err


@pytest.mark.parametrize(("given", "expected"), [(None, "1"), ("3", "3")])
def test_the_program_switches_the_threads_of_numpy_off_unless_told_otherwise(monkeypatch, given, expected):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", given or "")
    if given is None:
        monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    with pytest.raises(SystemExit):
        main(["--version"])
    assert os.environ["OPENBLAS_NUM_THREADS"] == expected


def test_few_lines_are_held_where_each_has_many_words(predict, monkeypatch):
    monkeypatch.setattr(sys.modules["rnnwords.cli.predict"], "HELD", 200)
    asked, answer_each = [], Predictor.answer_each

    def counted(self, prompts, *arguments, **options):
        asked.append(len(prompts))
        return answer_each(self, prompts, *arguments, **options)

    monkeypatch.setattr(Predictor, "answer_each", counted)
    _, out, _ = predict("-k", "999", stdin=b"had a\n" * 40)
    assert len(out.splitlines()) == 40
    assert max(asked) == 200 // 16
