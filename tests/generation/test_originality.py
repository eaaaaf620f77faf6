"""What a generated text copies and repeats, against a slow twin; and how `generate --report` tells it."""

import functools
import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.generation.originality import GRAM, Originality, originality
from rnnwords.generation.overlap import Overlap
from rnnwords.generation.suffix_array import Suffixes, packed
from rnnwords.prediction.predictor import Predictor
from tests.asking import FABLE, ask, chain, plain_vocabulary, random_model, saved
from tests.processes import said

words_lists = functools.partial(st.lists, st.integers(0, 3), max_size=40)


def grams(words, size):
    return [tuple(words[at : at + size]) for at in range(len(words) - size + 1)]


def slow_twin(text, trained):
    """By the definitions, with sets of tuples."""
    longest, first = 0, None
    for size in range(1, len(text) + 1):
        known = set(grams(trained, size))
        found = [at for at, gram in enumerate(grams(text, size)) if gram in known]
        if found:
            longest, first = size, found[0]
    fours = grams(text, GRAM)
    known = set(grams(trained, GRAM))
    return Originality(
        len(text), longest, first,
        sum(gram in known for gram in fours) / len(fours) if fours else None,
        1 - len(set(fours)) / len(fours) if fours else None,
    )  # fmt: skip


@given(words_lists(), words_lists(min_size=1), st.integers(0, 30))
def test_the_figures_are_those_of_a_slow_twin(text, trained, more):
    suffixes = Suffixes(trained, max(GRAM, len(text)) + more)
    found, expected = originality(text, suffixes), slow_twin(text, trained)
    assert found == pytest.approx(expected)
    assert originality(text) == (len(text), None, None, None, found.repeated_4grams)


@given(words_lists(min_size=1), st.lists(st.integers(0, 4), max_size=8), st.integers(8, 20))
def test_a_run_is_found_where_it_stands(trained, words, depth):
    suffixes = Suffixes(trained, depth)
    places = [at for at in range(len(trained) + 1) if trained[at : at + len(words)] == words]
    assert sorted(suffixes.followers(words)) == sorted(
        trained[at + len(words)] for at in places if at + len(words) < len(trained)
    )
    assert suffixes.holds(packed(words)) == any(at + len(words) <= len(trained) for at in places)
    longest = max(size for size in range(len(words) + 1) if words[:size] in [list(g) for g in grams(trained, size)])
    assert suffixes.longest(packed(words)) == longest


@pytest.mark.parametrize("depth", [1, 2, 3, 7, 64])
def test_positions_are_sorted_as_deep_as_asked(depth):
    text = [1, 2, 1, 2, 1, 2, 1, 70_000, 1, 2, 1, 2, 0] * 5
    order = Suffixes(text, depth)._order.tolist()
    starts = [text[at : at + depth] for at in order]
    assert starts == sorted(starts)
    assert sorted(order) == list(range(len(text)))


def test_an_index_serves_a_limit_of_copies_too():
    text = np.random.default_rng(1).integers(0, 4, 300).tolist()
    deep, own = Overlap(Suffixes(text, 40), 3), Overlap(text, 3)
    for last in ([0, 1, 2], [3, 3, 3], [1]):
        assert sorted(deep.following(last)) == sorted(own.following(last))


@pytest.mark.parametrize("trained", ["random", "the same", "periodic"])
def test_a_long_text_costs_little_whatever_it_copies(trained):
    text = np.random.default_rng(2).integers(0, 500, 2_000)
    source = {"random": np.random.default_rng(3).integers(0, 500, 50_000), "the same": np.tile(text, 20),
              "periodic": np.tile([1, 2], 25_000)}[trained]  # fmt: skip
    suffixes = Suffixes(source, 2_000)
    tracemalloc.start()
    found = originality(text, suffixes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000 * 150  # of the generated text, whatever the other
    assert found.repeated_4grams == 0
    if trained == "the same":
        assert (found.longest_copy, found.longest_copy_at, found.copied_4grams) == (2_000, 0, 1)
    else:
        assert (found.longest_copy or 0) < GRAM + 2


# --- command line -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fable(tmp_path_factory):
    return saved(chain(), tmp_path_factory.mktemp("fable"))


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    return saved(random_model(plain_vocabulary(5)), tmp_path_factory.mktemp("odd"))


@pytest.fixture
def generate(capsys, monkeypatch, tmp_path, fable):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fable.txt").write_text(FABLE)
    (tmp_path / "odd.txt").write_text("w1 w2 w3 w0 w1 w1 w2 w4 w0 w3")

    def generate(*arguments, stdin=None, model=fable):
        return ask(capsys, monkeypatch, "generate", "--model", model, *arguments, stdin=stdin)

    return generate


TRAINED = ["--report", "--train-text", "fable.txt"]


def test_the_report_goes_to_stderr_and_the_text_stays_as_it_is(generate):
    status, out, err = generate("had a", "-n", "6", *TRAINED)
    assert (status, out) == (0, generate("had a", "-n", "6")[1])
    assert err == (
        'text 1, 6 words: longest run copied 6 words ("general council to consider what measures"); '
        "100.0% of its 4-grams stand in the training text; 0.0% of its 4-grams repeat an earlier one\n"
    )


def test_without_the_training_text_it_says_what_is_missing(generate):
    status, out, err = generate("had a", "-n", "60", "--report")
    assert (status, out) == (0, generate("had a", "-n", "60")[1])
    first, second = err.splitlines()
    assert first.endswith("cannot be told without the training text; name it with --train-text FILE")
    assert said(second, r"^text 1, 60 words: (\S+)% of its 4-grams repeat an earlier one$")


def test_a_long_run_is_shown_by_its_beginning_and_a_short_text_has_no_grams(generate, tmp_path):
    text = "one two three four five six seven eight nine ten eleven twelve thirteen ."
    (tmp_path / "counted.txt").write_text(text)
    path = saved(chain(text), tmp_path)
    _, _, err = generate("one", "-n", "13", "--report", "--train-text", "counted.txt", model=path)
    assert '13 words ("two three four five six seven eight nine ten eleven twelve thirteen ...")' in err
    assert generate("had a", "-n", "2", *TRAINED)[2] == (
        'text 1, 2 words: longest run copied 2 words ("general council"); too short for 4-grams\n'
    )


@pytest.mark.parametrize(
    "options", [["--temperature", "1", "--samples", "3", "--seed", "5"], ["--beam", "3", "--samples", "2"], []]
)
def test_each_text_has_a_report_in_json(generate, odd, options):
    more = ["-n", "30", "--report", "--train-text", "odd.txt", *options]
    status, out, err = generate("w1", "--json", "--tokens", *more, model=odd)
    answer = json.loads(out)
    assert (status, err) == (0, "")
    trained = [1, 2, 3, 0, 1, 1, 2, 4, 0, 3]
    told = []
    for sample in answer["samples"]:
        assert list(sample) == ["text", "words", "log_probability", "score", "seed", "report"]
        text = [int(word[1]) for word in sample["text"].split()]
        expected, report = slow_twin(text, trained), sample["report"]
        assert list(report) == ["words", "longest_copy", "longest_copy_text", "copied_4grams", "repeated_4grams"]
        assert report.pop("longest_copy_text") == " ".join(
            f"w{word}" for word in text[expected.longest_copy_at :][: expected.longest_copy]
        )
        assert list(report.values()) == pytest.approx([expected[0], expected[1], expected[3], expected[4]])
        told.append(f"{expected.repeated_4grams:.1%} of its 4-grams repeat")
    notes = [line for line in generate("w1", *more, model=odd)[2].splitlines() if line.startswith("text ")]
    assert len(notes) == len(told)
    assert all(part in note for part, note in zip(told, notes, strict=True))


def test_json_without_the_training_text_has_nulls(generate):
    status, out, err = generate("had a", "-n", "6", "--report", "--json", "--quiet")
    report = json.loads(out)["samples"][0]["report"]
    assert (status, err) == (0, "")
    assert report == {"words": 6, "longest_copy": None, "longest_copy_text": None, "copied_4grams": None,
                      "repeated_4grams": 0.0}  # fmt: skip
    assert "--train-text FILE" in generate("had a", "--report", "--json")[2]


def test_a_prompt_a_line_and_a_report_a_text(generate):
    status, out, err = generate("-n", "2", *TRAINED, stdin=b"had a\nthey said\n")
    assert (status, out) == (0, "had a general council\nthey said this,\n")
    assert [line.split(":")[0] for line in err.splitlines()] == ["text 1, 2 words", "text 2, 2 words"]


def test_no_copy_is_longer_than_the_limit(generate):
    options = ["-n", "40", "--max-overlap", "3", "--temperature", "1", "--seed", "1", "--json", *TRAINED]
    assert json.loads(generate("they", *options)[1])["samples"][0]["report"]["longest_copy"] <= 3


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--report", "--quiet"], "--report goes to stderr, which --quiet silences"),
        (["--train-text", "fable.txt"], "--train-text is for --max-overlap N"),
        (["--report", "--train-text", "none.txt"], "none.txt does not exist"),
    ],
)
def test_bad_options(generate, options, told):
    status, out, err = generate("had", *options)
    assert (status, out) == (2, "")
    assert told in err
    assert len(err.splitlines()) == 1


def test_the_python_interface_tells_the_ranks(fable):
    predictor = Predictor(chain())
    made: list[int] = []
    from rnnwords.generation.writer import Request

    text = "".join(predictor.stream("had a", Request(words=4), written=made.append))
    assert predictor.vocabulary.decode(made) == text.split()
    assert predictor.write("had a", Request(words=4)).ids == tuple(made)
    assert predictor.beams("had a", Request(words=4), 2)[0].ids == tuple(made)
