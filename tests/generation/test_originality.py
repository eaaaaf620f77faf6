"""Copied and repeated words of generated texts against their definitions, and `generate --report`."""

import dataclasses
import functools
import hashlib
import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.generation.originality import GRAM, Originality, originality
from rnnwords.generation.suffix_array import Overlap, SuffixArray, packed
from rnnwords.generation.writer import GenerationRequest
from rnnwords.prediction.predictor import Predictor
from tests.models import chain, plain_vocabulary, random_model, saved
from tests.processes import ask, matched
from tests.texts import FABLE_TEXT

words_lists = functools.partial(st.lists, st.integers(0, 3), max_size=40)


def grams(words, size):
    return [tuple(words[at : at + size]) for at in range(len(words) - size + 1)]


def slow_originality(text, trained):
    """Return the figures by their definitions, with sets of tuples."""
    longest, first = 0, None
    for size in range(1, len(text) + 1):
        known = set(grams(trained, size))
        copies = [at for at, gram in enumerate(grams(text, size)) if gram in known]
        if copies:
            longest, first = size, copies[0]
    fours = grams(text, GRAM)
    known = set(grams(trained, GRAM))
    return Originality(
        len(text), longest, first,
        sum(gram in known for gram in fours) / len(fours) if fours else None,
        1 - len(set(fours)) / len(fours) if fours else None,
    )  # fmt: skip


@given(words_lists(), words_lists(min_size=1), st.integers(0, 30))
def test_copy_and_repetition_figures_equal_their_definitions(text, trained, more):
    suffixes = SuffixArray(trained, max(GRAM, len(text)) + more)
    figures = originality(text, suffixes)
    assert figures == pytest.approx(slow_originality(text, trained))
    assert originality(text) == (len(text), None, None, None, figures.repeated_4grams)


@given(words_lists(min_size=1), st.lists(st.integers(0, 4), max_size=8), st.integers(8, 20))
def test_longest_copied_run_is_located_in_the_training_text(trained, words, depth):
    suffixes = SuffixArray(trained, depth)
    places = [at for at in range(len(trained) + 1) if trained[at : at + len(words)] == words]
    assert sorted(suffixes.followers(words)) == sorted(
        trained[at + len(words)] for at in places if at + len(words) < len(trained)
    )
    assert suffixes.contains(packed(words)) == any(at + len(words) <= len(trained) for at in places)
    longest = max(size for size in range(len(words) + 1) if words[:size] in [list(g) for g in grams(trained, size)])
    assert suffixes.longest_prefix(packed(words)) == longest


@pytest.mark.parametrize("depth", [1, 2, 3, 7, 64])
def test_index_sorts_positions_to_the_given_depth(depth):
    text = [1, 2, 1, 2, 1, 2, 1, 70_000, 1, 2, 1, 2, 0] * 5
    order = SuffixArray(text, depth)._order.tolist()
    starts = [text[at : at + depth] for at in order]
    assert starts == sorted(starts)
    assert sorted(order) == list(range(len(text)))


def test_copy_limit_can_share_a_deeper_index():
    text = np.random.default_rng(1).integers(0, 4, 300).tolist()
    deep, own = Overlap(SuffixArray(text, 40), 3), Overlap(text, 3)
    for last in ([0, 1, 2], [3, 3, 3], [1]):
        assert sorted(deep.following(last)) == sorted(own.following(last))


@pytest.mark.parametrize("trained", ["random", "the same", "periodic"])
def test_analysis_memory_does_not_depend_on_the_training_text(trained):
    text = np.random.default_rng(2).integers(0, 500, 2_000)
    source = {"random": np.random.default_rng(3).integers(0, 500, 50_000), "the same": np.tile(text, 20),
              "periodic": np.tile([1, 2], 25_000)}[trained]  # fmt: skip
    suffixes = SuffixArray(source, 2_000)
    tracemalloc.start()
    figures = originality(text, suffixes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000 * 150  # depends on the generated text only
    assert figures.repeated_4grams == 0
    if trained == "the same":
        assert (figures.longest_copy, figures.longest_copy_at, figures.copied_4grams) == (2_000, 0, 1)
    else:
        assert (figures.longest_copy or 0) < GRAM + 2


# --- command line -----------------------------------------------------------------------------------------------


ODD_TEXT = "w1 w2 w3 w0 w1 w1 w2 w4 w0 w3"


def trained_on(model, text, directory):
    """Save the model as one that was trained on this text, and return the path of the file."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return saved(dataclasses.replace(model, training={**model.training, "corpus": digest}), directory)


@pytest.fixture(scope="module")
def fable(tmp_path_factory):
    return trained_on(chain(), FABLE_TEXT, tmp_path_factory.mktemp("fable"))


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    return trained_on(random_model(plain_vocabulary(5)), ODD_TEXT, tmp_path_factory.mktemp("odd"))


@pytest.fixture
def generate(capsys, monkeypatch, tmp_path, fable):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fable.txt").write_text(FABLE_TEXT)
    (tmp_path / "odd.txt").write_text(ODD_TEXT)

    def generate(*arguments, stdin=None, model=fable):
        return ask(capsys, monkeypatch, "generate", "--model", model, *arguments, stdin=stdin)

    return generate


TRAINED = ["--report", "--train-text", "fable.txt"]


def test_report_goes_to_stderr_and_leaves_stdout_unchanged(generate):
    status, out, err = generate("had a", "-n", "6", *TRAINED)
    assert (status, out) == (0, generate("had a", "-n", "6")[1])
    assert err == (
        'text 1, 6 words: longest copy 6 words ("general council to consider what measures"); '
        "100.0% of its 4-grams occur in the training text; 0.0% of its 4-grams repeat an earlier one\n"
    )


def test_report_without_training_text_names_the_missing_figures(generate):
    status, out, err = generate("had a", "-n", "60", "--report")
    assert (status, out) == (0, generate("had a", "-n", "60")[1])
    first, second = err.splitlines()
    assert first == "no training text to compare with; add --train-text FILE to find copies"
    assert matched(second, r"^text 1, 60 words: (\S+)% of its 4-grams repeat an earlier one$")


def test_report_shortens_long_runs_and_omits_ngrams_of_short_texts(generate, tmp_path):
    text = "one two three four five six seven eight nine ten eleven twelve thirteen ."
    (tmp_path / "counted.txt").write_text(text)
    path = saved(chain(text), tmp_path)
    _, _, err = generate("one", "-n", "13", "--report", "--train-text", "counted.txt", model=path)
    assert '13 words ("two three four five six seven eight nine ten eleven twelve thirteen ...")' in err
    assert generate("had a", "-n", "2", *TRAINED)[2] == (
        'text 1, 2 words: longest copy 2 words ("general council"); too short for 4-grams\n'
    )


@pytest.mark.parametrize(
    "options", [["--temperature", "1", "--samples", "3", "--seed", "5"], ["--beam", "3", "--samples", "2"], []]
)
def test_json_has_one_report_per_text(generate, odd, options):
    more = ["-n", "30", "--report", "--train-text", "odd.txt", *options]
    status, out, err = generate("w1", "--json", "--tokens", *more, model=odd)
    answer = json.loads(out)
    assert (status, err) == (0, "")
    trained = [1, 2, 3, 0, 1, 1, 2, 4, 0, 3]
    lines = []
    for sample in answer["samples"]:
        assert list(sample) == ["text", "words", "log_probability", "score", "seed", "report"]
        text = [int(word[1]) for word in sample["text"].split()]
        expected, report = slow_originality(text, trained), sample["report"]
        figures = ["words", "longest_copy", "longest_copy_text", "copied_4grams", "repeated_4grams"]
        assert list(report) == [*figures, "is_training_text"]
        assert report.pop("is_training_text") is True
        assert report.pop("longest_copy_text") == " ".join(
            f"w{word}" for word in text[expected.longest_copy_at :][: expected.longest_copy]
        )
        assert list(report.values()) == pytest.approx([expected[0], expected[1], expected[3], expected[4]])
        lines.append(f"{expected.repeated_4grams:.1%} of its 4-grams repeat")
    notes = [line for line in generate("w1", *more, model=odd)[2].splitlines() if line.startswith("text ")]
    assert len(notes) == len(lines)
    assert all(part in note for part, note in zip(lines, notes, strict=True))


def test_json_report_without_training_text_has_nulls(generate):
    status, out, err = generate("had a", "-n", "6", "--report", "--json", "--quiet")
    report = json.loads(out)["samples"][0]["report"]
    assert (status, err) == (0, "")
    assert report == {"words": 6, "longest_copy": None, "longest_copy_text": None, "copied_4grams": None,
                      "repeated_4grams": 0.0, "is_training_text": None}  # fmt: skip
    assert "--train-text FILE" in generate("had a", "--report", "--json")[2]


def test_piped_prompts_get_one_report_per_text(generate):
    status, out, err = generate("-n", "2", *TRAINED, stdin=b"had a\nthey said\n")
    assert (status, out) == (0, "had a general council\nthey said this,\n")
    assert [line.split(":")[0] for line in err.splitlines()] == ["text 1, 2 words", "text 2, 2 words"]


def test_copies_do_not_exceed_the_limit(generate):
    options = ["-n", "40", "--max-overlap", "3", "--temperature", "1", "--seed", "1", "--json", *TRAINED]
    assert json.loads(generate("they", *options)[1])["samples"][0]["report"]["longest_copy"] <= 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--report", "--quiet"], "expected --report or --quiet, which silences the report, found both"),
        (["--train-text", "fable.txt"], "--train-text: expected --max-overlap or --report, found neither"),
        (["--report", "--train-text", "none.txt"], "found nothing at none.txt"),
    ],
)
def test_bad_report_options_are_refused(generate, options, message):
    status, out, err = generate("had", *options)
    assert (status, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


def test_generated_text_has_token_ids_in_python(fable):
    predictor = Predictor(chain())
    ids: list[int] = []
    request = GenerationRequest(words=4)
    text = "".join(predictor.stream("had a", request, on_word=ids.append))
    assert predictor.vocabulary.decode(ids) == text.split()
    assert predictor.write("had a", request).ids == tuple(ids)
    assert predictor.beams("had a", request, 2)[0].ids == tuple(ids)
