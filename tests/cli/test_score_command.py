"""Tests of `rnnwords score`: log-probabilities by word, line and file."""

import functools
import gzip
import json
import math
import sys

import pytest

from rnnwords.cli.output.terminal import cell_count
from rnnwords.config import TextConfig
from rnnwords.prediction.predictor import Predictor
from rnnwords.prediction.scoring import Scorer, score_lines
from rnnwords.text.reading.utf8 import lines_of
from tests.models import chain, plain_vocabulary, random_model, saved
from tests.processes import ask, coprocess
from tests.texts import FABLE_TEXT

LINES = "w1 w2 w3 zebra\n\nw4 w5 , w1 cat\nw2\n"
EOS = TextConfig(eos=True)


def with_eos():
    return chain("the cat sat .\nthe mouse ran .\n\nthe cat ran .\n", EOS)


@pytest.fixture(scope="module", params=["windows", "stateful", "no unk", "eos"])
def model(request, tmp_path_factory):
    place = tmp_path_factory.mktemp("score")
    if request.param == "eos":
        return saved(with_eos(), place)
    mode = "stateful" if request.param == "stateful" else "windows"
    return saved(random_model(plain_vocabulary(9, unk=request.param != "no unk"), mode=mode), place)


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return functools.partial(ask, capsys, monkeypatch)


@pytest.fixture
def score(command, tmp_path):
    fable = saved(chain(), tmp_path)

    def score(*arguments, stdin=None, model=fable):
        return command("score", "--model", model, *arguments, stdin=stdin)

    return score


def rows_of(out):
    head, *rows = out.splitlines()
    return [dict(zip(head.split("\t"), row.split("\t"), strict=True)) for row in rows]


def test_a_text_argument_gets_a_row_per_word(score):
    status, out, err = score("had a zebra\nhad a general")
    assert (status, err) == (0, "")
    assert out.splitlines()[0] == "line\tposition\ttoken\tlogprob\trank\toov"
    rows = rows_of(out)
    assert [(row["line"], row["position"], row["token"]) for row in rows] == [
        ("1", "1", "had"), ("1", "2", "a"), ("1", "3", "zebra"), ("2", "1", "had"), ("2", "2", "a"),
        ("2", "3", "general"),
    ]  # fmt: skip
    assert [row["rank"] for row in rows] == ["1", "1", "", "2", "1", "1"]
    assert [row["oov"] for row in rows] == ["0", "0", "1", "0", "0", "0"]
    assert rows[2]["logprob"] == "-inf"
    assert float(rows[1]["logprob"]) == pytest.approx(math.log(0.98), abs=1e-4)


@pytest.mark.parametrize(("name", "base"), [("2", 2), ("e", math.e), ("10", 10)])
def test_log_base_scales_log_probabilities(score, name, base):
    row = rows_of(score("had a", "--log-base", name)[1])[1]
    assert float(row["logprob"]) == pytest.approx(math.log(0.98) / math.log(base), abs=1e-4)


def test_json_has_the_documented_keys_of_score(score):
    status, out, _ = score("had zebra", "--json")
    known, unknown = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert list(known) == ["line", "position", "token", "logprob", "rank", "oov", "file"]
    assert (known["rank"], known["oov"], known["file"]) == (1, False, None)
    assert unknown == {"line": 1, "position": 2, "token": "zebra", "logprob": None, "rank": None, "oov": True,
                       "file": None}  # fmt: skip


def test_unit_line_sums_words_and_computes_perplexity(score):
    _, out, _ = score("had a general\n\nzebra\n", "--unit", "line")
    first, empty, unknown, _ = rows_of(out)
    assert out.splitlines()[0] == "line\twords\toov\tlogprob\tperplexity"
    nats = sum(float(row["logprob"]) for row in rows_of(score("had a general")[1]))
    assert float(first["logprob"]) == pytest.approx(nats, abs=1e-6)
    assert float(first["perplexity"]) == pytest.approx(math.exp(-nats / 3), abs=1e-5)
    assert empty == {"line": "2", "words": "0", "oov": "0", "logprob": "0.0000000", "perplexity": ""}
    assert (unknown["oov"], unknown["logprob"], unknown["perplexity"]) == ("1", "-inf", "inf")
    _, out, _ = score("\n", "--unit", "line", "--json")
    assert json.loads(out.splitlines()[0])["perplexity"] is None


@pytest.mark.parametrize("unit", ["token", "line", "file"])
@pytest.mark.parametrize("source", ["file", "stdin", "two files", "gz"])
def test_score_and_eval_agree(score, command, tmp_path, model, unit, source):
    text = LINES * 40
    paths = [tmp_path / "a.txt"]
    paths[0].write_text(text)
    if source == "two files":
        paths.append(tmp_path / "b.txt")
        paths[1].write_text("the cat w1\nw7")
    elif source == "gz":
        paths = [tmp_path / "a.txt.gz"]
        paths[0].write_bytes(gzip.compress(text.encode()))
    names = [] if source == "stdin" else paths
    _, out, _ = score(*names, "--unit", unit, "--json", stdin=text.encode(), model=model)
    rows = [json.loads(line) for line in out.splitlines()]
    report = json.loads(command("eval", "--model", model, "--json", *paths)[1])
    words = len(rows) if unit == "token" else sum(row["words"] for row in rows)
    oov = sum(row["oov"] for row in rows)
    assert words == report["words"]
    assert oov / words == pytest.approx(report["oov_rate"])
    nats = [row["logprob"] for row in rows]
    if report["loss"] is None:
        assert None in nats
    else:
        assert -math.fsum(nats) / words == pytest.approx(report["loss"], abs=1e-6)
    if unit == "token" and report["loss"] is not None:
        assert sum(row["rank"] == 1 for row in rows) / words == pytest.approx(report["top1"])
    if unit == "file":
        assert [row["file"] for row in rows] == ([str(path) for path in paths] if names else ["standard input"])


def test_with_several_files_the_last_column_is_the_file_name(score, tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("had a\n")
    rows = rows_of(score("a.txt", "b.txt")[1])
    assert [(row["file"], row["line"], row["position"]) for row in rows] == [
        ("a.txt", "1", "1"), ("a.txt", "1", "2"), ("b.txt", "1", "1"), ("b.txt", "1", "2"),
    ]  # fmt: skip


def test_an_argument_is_a_file_if_it_exists_else_a_text(score, tmp_path):
    (tmp_path / "had").write_text("they said this")
    assert len(rows_of(score("had")[1])) == 3
    assert len(rows_of(score("had", "--text")[1])) == 1
    assert len(rows_of(score("had a")[1])) == 2
    assert len(rows_of(score("they.")[1])) == 2
    for name in ("story.txt", "dir/story"):
        status, out, err = score(name)
        assert (status, out) == (2, "")
        assert f"expected a file, found nothing at {name}; if it is a text, add --text" in err
        assert score(name, "--text")[0] == 0
    status, out, err = score("had a", "they said")
    assert (status, out) == (2, "")
    assert "found nothing at had a" in err
    assert score("had", "they", "--text")[0] == 2
    assert score("-", "-")[0] == 2
    assert score(1_000 * "long ")[0] == 0


def test_independent_lines_have_no_context_before_them(score, tmp_path):
    path = saved(random_model(plain_vocabulary(9), mode="stateful"), tmp_path)
    joined = rows_of(score("w1 w2\nw1 w2", model=path)[1])
    independent = rows_of(score("w1 w2\nw1 w2", "--independent-lines", model=path)[1])
    assert joined[:2] == independent[:2]
    assert joined[2]["logprob"] != independent[2]["logprob"]
    assert [row["logprob"] for row in independent[:2]] == [row["logprob"] for row in independent[2:]]


def test_a_line_end_is_scored_where_it_is_a_token(score, tmp_path):
    path = saved(with_eos(), tmp_path)
    rows = rows_of(score("the cat", model=path)[1])
    assert [row["token"] for row in rows] == ["the", "cat", "<eos>"]
    assert float(rows[0]["logprob"]) == pytest.approx(
        math.log(0.98), abs=1e-4
    )  # at the start of a line, since an end precedes it


def test_a_line_longer_than_a_block_keeps_its_number(score, tmp_path, monkeypatch):
    monkeypatch.setattr("rnnwords.text.reading.corpus.BLOCK_SIZE", 20)
    (tmp_path / "long.txt").write_text("had a general council to consider what measures\nhad a")
    rows = rows_of(score("long.txt")[1])
    assert [row["line"] for row in rows] == 8 * ["1"] + 2 * ["2"]
    assert [row["position"] for row in rows] == [*map(str, range(1, 9)), "1", "2"]
    assert rows_of(score("long.txt", "--unit", "line")[1])[0]["words"] == "8"
    assert rows == rows_of(score("long.txt", "--independent-lines")[1])[:8] + rows[8:]


def test_invalid_bytes_are_an_error_with_line_and_byte(score):
    status, _, err = score(stdin=b"had\na \xe9 b\n")
    assert status == 2
    assert "standard input, line 2, byte 3: expected UTF-8, found 0xe9" in err
    assert score("--encoding-errors", "replace", stdin=b"had\na \xe9 b\n")[0] == 0


def test_a_coprocess_of_score_is_answered_line_by_line(tmp_path):
    path = saved(chain(), tmp_path)
    with coprocess("score", "--model", path, "--unit", "line", "--json", cwd=tmp_path) as ask_line:
        for number, line in enumerate(("had a general", "", "they said"), start=1):
            answer = json.loads(ask_line(line))
            assert (answer["line"], answer["words"]) == (number, len(line.split()))


def test_score_equals_the_python_interface(score):
    words = Predictor(chain()).score(FABLE_TEXT)
    rows = rows_of(score(FABLE_TEXT)[1])
    assert [word.word for word in words] == [row["token"] for row in rows]
    assert [f"{word.log_prob:.7f}" for word in words] == [row["logprob"] for row in rows]
    assert [str(word.rank) for word in words] == [row["rank"] for row in rows]


def test_unit_word_has_the_words_of_the_text_and_the_sums_of_their_tokens(score, model, tmp_path):
    text = "w1, w2  \u201cw3\u201d\n\n\tw4-w5 caf\u00e9 cafe\u0301 \u200b w1.\u00a0W2 <eos> <unk>\u2028w3\n\xadw2\n"
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    rows = {}
    for unit in ("token", "word", "file"):
        _, out, _ = score("text.txt", "--unit", unit, "--json", model=model)
        rows[unit] = [json.loads(line) for line in out.splitlines()]
    by_line = [[row for row in rows["word"] if row["line"] == number] for number in (1, 2, 3, 4)]
    ends = 1 if Predictor.load(model).vocabulary.eos_id is not None else 0
    for line, found in zip(text.split("\n"), by_line, strict=False):
        assert [row["word"] for row in found] == line.split() + ends * ["<eos>"]
        assert [row["position"] for row in found] == list(range(1, len(found) + 1))
    tokens = iter(rows["token"])
    for row in rows["word"]:
        own = [next(tokens) for _ in range(row["tokens"])]
        assert row["oov"] is any(token["oov"] for token in own)
        assert row["rank"] == (own[0]["rank"] if len(own) == 1 else None)
        nats = [token["logprob"] for token in own]
        assert row["logprob"] == (None if None in nats else pytest.approx(math.fsum(nats)))
    assert list(tokens) == []
    assert rows["file"][0]["words"] == len(rows["token"]) == sum(row["tokens"] for row in rows["word"])


def test_unit_word_has_the_documented_columns(score):
    _, out, _ = score("had a general, zebra.", "--unit", "word")
    assert out.splitlines()[0] == "line\tposition\tword\ttokens\tlogprob\trank\toov"
    assert [(row["word"], row["tokens"], row["oov"]) for row in rows_of(out)] == [
        ("had", "1", "0"), ("a", "1", "0"), ("general,", "2", "0"), ("zebra.", "2", "1"),
    ]  # fmt: skip


@pytest.mark.parametrize("independent", [[], ["--independent-lines"]])
@pytest.mark.parametrize("mode", ["windows", "stateful"])
def test_scores_do_not_depend_on_how_the_lines_arrive(mode, independent, monkeypatch):
    monkeypatch.setattr("rnnwords.prediction.scoring.MAX_LINE", 1_500)
    monkeypatch.setattr("rnnwords.prediction.scoring.MAX_WORD", 50)
    scorer = Scorer(Predictor(random_model(plain_vocabulary(400, unk=True), mode=mode, units=33)).lm, 2)
    lines = [" ".join(f"w{number * place % 397}" for place in range(number % 50)) + "\n" for number in range(30)]
    lines[7] = " ".join(f"w{number % 400}" for number in range(1_000)) + "\n"
    text, results = "".join(lines), []
    for size in (1_000_000, 1, 7):
        scorer.reset_state()
        batches = (lines[first : first + size] for first in range(0, len(lines), size))
        results.append(list(score_lines(scorer, batches, bool(independent))))
    scorer.reset_state()
    pieces = [lines_of(text[first : first + 707]) for first in range(0, len(text), 707)]
    results.append(list(score_lines(scorer, pieces, bool(independent))))
    assert results[0] == results[1] == results[2] == results[3]


def test_equal_runs_of_several_threads_give_equal_scores():
    model = random_model(plain_vocabulary(2_000), units=64, embedding=33)
    text = "\n".join(" ".join(f"w{number * place % 1_999}" for place in range(40)) for number in range(60))
    results = [list(score_lines(Scorer(Predictor(model).lm, threads), [lines_of(text)])) for threads in (1, 2, 4)]
    assert results[0] == results[1] == results[2]


def test_a_terminal_gets_aligned_columns_in_which_long_words_are_cut(tmp_path, monkeypatch, capsys):
    path = saved(chain("the cat " + 900 * "x" + " " + 60 * "\u4e2d"), tmp_path)
    monkeypatch.setattr(sys.modules["rnnwords.cli.commands.score"], "column_count", lambda output: 70)
    text = "the " + 900 * "x" + " cat"
    _, out, _ = ask(capsys, monkeypatch, "score", "--model", path, "--text", text, "--unit", "word")
    lines = out.splitlines()
    assert max(map(cell_count, lines)) < 70
    assert len({line.rstrip().rfind(" ") for line in lines[1:]}) == 1
    assert "\u2026" in lines[2]
    monkeypatch.setattr(sys.modules["rnnwords.cli.commands.score"], "column_count", lambda output: None)
    _, out, _ = ask(capsys, monkeypatch, "score", "--model", path, "--text", 900 * "x")
    assert 900 * "x" in out
