"""Asking a model: contexts, ranks, prompts, many at once, and texts written on."""

import doctest
import itertools
import math
import threading
import tracemalloc
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnwords.config import TextConfig
from rnnwords.errors import ModelNotFoundError, UnknownWordError, UsageError
from rnnwords.generation.overlap import Overlap
from rnnwords.generation.writer import Request
from rnnwords.lm.context import evaluate
from rnnwords.network.forward_each import read_each
from rnnwords.network.recurrent import Network
from rnnwords.prediction import predictor as module
from rnnwords.prediction.parallel import side_by_side
from rnnwords.prediction.predictor import MEMORY, Predictor
from rnnwords.prediction.ranking import largest, rank
from rnnwords.text.tokenizer import detokenize
from tests.asking import FABLE, chain, plain_vocabulary, random_model, saved
from tests.helpers import WORDS, small_model

SIZE = 12
SHAPES = [
    {},
    {"cell": "gru", "window": 1},
    {"cell": "simple", "layers": 1, "input": "scalar"},
    {"cell": "lstm", "tie": True},
    {"cell": "gru", "input": "one-hot", "window": 5},
    {"reading": "stateful"},
    {"reading": "stateful", "cell": "gru", "layers": 1},
]


@pytest.fixture(scope="module", params=SHAPES, ids=str)
def asked(request):
    return Predictor(random_model(plain_vocabulary(SIZE, unk=True), **request.param))


@pytest.fixture(scope="module")
def fable():
    return Predictor(chain())


def test_examples_of_the_documentation_run(tmp_path, monkeypatch):
    saved(chain(), tmp_path)

    class Here(Predictor):
        @classmethod
        def load(cls, path):
            assert str(path) == "models/belling_the_cat"
            return super().load(tmp_path)

    monkeypatch.setattr("rnnwords.Predictor", Here, raising=False)
    runner = doctest.DocTestRunner()
    examples = 0
    for test in doctest.DocTestFinder().find(module, globs={"predictor": Predictor.load(tmp_path)}):
        runner.run(test)
        examples += len(test.examples)
    assert examples >= 8
    assert runner.failures == 0


# --- the network, many contexts at once -------------------------------------------------------------------------


@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=1, max_size=20))
@settings(max_examples=40)
@pytest.mark.parametrize("cell", ["lstm", "gru", "simple"])
def test_contexts_read_together_are_as_read_alone(cell, contexts):
    model = small_model(WORDS[:4], cell=cell, layers=2, reading="stateful")
    network = Network(model.network, model.weights)
    together = read_each(network, contexts)
    for output, context in zip(together, contexts, strict=True):
        np.testing.assert_allclose(output, network.read(np.array([context]))[0][0], atol=2e-6)


def test_each_beginning_is_read_once(monkeypatch):
    model = random_model(plain_vocabulary(9), layers=1)
    network = Network(model.network, model.weights)
    apply, rows = network.cells[0].apply, []

    def counted(x, before, state):
        rows.append(len(x))
        return apply(x, before, state)

    monkeypatch.setattr(network.cells[0], "apply", counted)
    read_each(network, [[1, 2, 3], [1, 2, 4], [1, 5, 6], [1, 2, 3], [7], [1, 2]])
    assert rows == [2, 2, 3]


def test_a_context_is_not_changed_by_what_is_read_after_it(asked):
    context = asked.context([1, 2])
    before = context.log_probabilities().copy()
    context.read([3]).log_probabilities()
    np.testing.assert_array_equal(context.log_probabilities(), before)
    assert context.read([]) is context


def test_reading_word_by_word_is_reading_at_once(asked):
    step = asked.context()
    for word in (1, 5, 2, 7, 3, 3):
        step = step.read([word])
        step.log_probabilities()
    whole = asked.context([1, 5, 2, 7, 3, 3])
    np.testing.assert_allclose(step.log_probabilities(), whole.log_probabilities(), atol=3e-6)


def test_contexts_evaluated_together_are_as_alone_and_can_be_read_on(asked):
    start = asked.context([4, 1])
    start.log_probabilities()
    contexts = [start.read([word]) for word in (0, 3, 3, 9)]
    alone = [asked.context([4, 1, word]).log_probabilities() for word in (0, 3, 3, 9)]
    np.testing.assert_allclose(evaluate(contexts), alone, atol=3e-6)
    further = evaluate([context.read([2]) for context in contexts])
    np.testing.assert_allclose(further[1], asked.context([4, 1, 3, 2]).log_probabilities(), atol=3e-6)
    mixed = evaluate([asked.context(), asked.context([1, 2, 3]), start])
    np.testing.assert_allclose(mixed[0], asked.frequencies)
    np.testing.assert_allclose(mixed[1], asked.context([1, 2, 3]).log_probabilities(), atol=3e-6)


def test_a_text_that_grows_is_read_only_where_it_is_new(monkeypatch):
    asked = Predictor(random_model(plain_vocabulary(SIZE), reading="stateful"))
    read = Network.read
    words = []

    def counted(self, ids, state=None):
        words.append(ids.size)
        return read(self, ids, state)

    monkeypatch.setattr(Network, "read", counted)
    text = [f"w{number % SIZE}" for number in range(40)]
    for end in (30, 31, 33, 33, 30, 40):
        found = asked.rank(" ".join(text[:end]), k=SIZE)
        clean = Predictor(asked.model).rank(" ".join(text[:end]), k=SIZE)
        assert [word for word, _ in found] == [word for word, _ in clean]
        np.testing.assert_allclose([share for _, share in found], [share for _, share in clean], rtol=1e-4)
    assert [count for count in words if count not in (30, 31, 33, 40)] == [1, 2, 7]


def test_few_contexts_are_remembered(monkeypatch):
    monkeypatch.setattr("rnnwords.lm.context.REMEMBERED", 3)
    asked = Predictor(random_model(plain_vocabulary(SIZE), reading="stateful"))
    for number in range(10):
        asked.rank(f"w{number}")
    assert len(asked._memory.contexts) == 3


# --- ranking ----------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(1, 700), st.integers(1, 30))
def test_the_largest_are_those_of_a_stable_sort(seed, batch, size, k):
    scores = np.random.default_rng(seed).integers(-9, 1, (batch, size)).astype(np.float32)  # many are equal
    k = min(k, size)
    np.testing.assert_array_equal(largest(scores, k), np.argsort(-scores, axis=1, kind="stable")[:, :k])


def test_the_largest_of_a_large_row_may_stand_in_its_tail():
    scores = np.zeros((2, 64 * 40 + 7), np.float32)
    scores[0, [2566, 3, 2561]] = [3, 2, 1]
    scores[1, [0, 1]] = -1
    assert largest(scores, 4)[0].tolist() == [2566, 3, 2561, 0]
    assert largest(scores, 4)[1].tolist() == [2, 3, 4, 5]


def test_probabilities_of_candidates_sum_to_one():
    scores = np.log(np.array([[0.5, 0.3, 0.15, 0.05]], np.float32))
    best, shares = rank(scores, 9, np.array([3, 1]))
    assert best.tolist() == [[1, 3]]
    np.testing.assert_allclose(shares, [[0.3 / 0.35, 0.05 / 0.35]], rtol=1e-6)


def test_rank_is_the_sorted_distribution_without_unk(asked):
    scores = asked.context(asked.encode("w1 w2")[0]).log_probabilities()
    expected = sorted((-score, word) for word, score in enumerate(scores) if word != asked.vocabulary.unk)
    found = asked.rank("w1 w2", k=99)
    assert [word for word, _ in found] == [asked.vocabulary.words[word] for _, word in expected]
    np.testing.assert_allclose([share for _, share in found], np.exp([-nats for nats, _ in expected]), rtol=1e-5)


def test_a_prefix_leaves_the_words_that_begin_so_and_their_odds(asked):
    everything = dict(asked.rank("w3", k=99))
    found = asked.rank("w3", k=99, prefix="w1")
    assert {word for word, _ in found} == {"w1", "w10"}
    assert sum(share for _, share in found) == pytest.approx(1)
    assert found[0].probability / found[1].probability == pytest.approx(
        everything[found[0].word] / everything[found[1].word], rel=1e-5
    )
    assert asked.rank("w3", prefix="zebra") == []
    assert asked.rank("w3", prefix="<un") == []


def test_a_prefix_of_the_last_character_finds_all_of_its_words():
    words = Predictor(chain("a\U0010ffff\U0010ffff\U0010ffff\U0010ffff\U0010ffffb a", TextConfig("whitespace")))
    assert len(words.starting_with("a")) == 2
    assert len(words.starting_with("a\U0010ffff")) == 1


def test_k_below_one_is_refused(fable):
    with pytest.raises(UsageError, match="k must be 1 or more; got 0"):
        fable.rank("had", k=0)


# --- prompts ----------------------------------------------------------------------------------------------------


def test_unknown_words_follow_the_policy(fable):
    cut = Predictor(chain(max_size=6))
    assert cut.encode("had zebra")[0] == [cut.vocabulary.ranks["had"], cut.vocabulary.unk]
    assert cut.encode("had zebra", "skip")[0] == [cut.vocabulary.ranks["had"]]
    assert fable.encode("had zebra")[0] == [fable.vocabulary.ranks["had"]]
    assert fable.encode("had zebra ox")[1] == ["zebra", "ox"]
    with pytest.raises(UnknownWordError, match=r"'generals' is not among the .* near words: general"):
        fable.encode("a generals", "error")
    with pytest.raises(UnknownWordError, match=r"'k1' .*'k2' .*'k3' .*2 more are unknown$"):
        fable.encode("k1 k2 k1 k3 k4 k5", "error")
    with pytest.raises(UsageError, match="no <unk>"):
        fable.encode("had zebra", "unk")
    with pytest.raises(UsageError, match="oov must be one of unk, skip, error; got 'guess'"):
        fable.encode("had", "guess")
    assert fable.encode("had a", "unk")[1] == []  # nothing to replace: nothing to complain about


def test_capitals_are_those_of_the_text_settings(fable):
    assert fable.unknown("Had A general") == ["Had", "A"]
    lower = Predictor(chain(config=TextConfig(lowercase=True)))
    assert lower.unknown("Had A general") == []
    assert [word for word, _ in lower.rank("HAD a", k=1, prefix="Ge")] == ["general"]


def test_an_empty_prompt_is_answered_by_frequency(fable):
    assert [word for word, _ in fable.rank("", k=3)] == fable.vocabulary.words[:3]
    assert [word for word, _ in fable.rank(" \t ", k=3)] == fable.vocabulary.words[:3]
    assert fable.rank("zebra", k=1)[0].word == fable.vocabulary.words[0]


def test_an_empty_prompt_follows_a_line_end_where_those_are_words():
    lines = Predictor(chain("the cat\nthe mouse\nthe cat\n", TextConfig(eos=True)))
    assert lines.rank("", k=1)[0].word == "the"
    assert lines.rank("", k=1)[0].probability == pytest.approx(0.98, abs=1e-4)


def test_a_short_prompt_is_read_as_it_is(asked):
    ids = asked.encode("w4")[0]
    expected = asked.network.scores(asked.network.read(np.array([ids]))[0])[0]
    np.testing.assert_allclose(asked.context(ids).log_probabilities(), expected)


@pytest.mark.parametrize("text", ["w1 w2 w3 w4 w5 ", "w1 \n\n w2    w3\tw4 w5" + 500 * " "])
def test_a_long_prompt_counts_by_its_end(asked, text):
    prompt = 100_000 * "w6 w7\n" + text
    ids, unknown = asked.encode(prompt)
    assert len(ids) == (MEMORY if asked.window is None else 64)
    assert asked.vocabulary.decode(ids)[-5:] == ["w1", "w2", "w3", "w4", "w5"]
    assert unknown == []
    assert asked.rank(prompt) == asked.rank(" ".join(asked.vocabulary.decode(ids)))


def test_an_endless_word_is_one_unknown_word(asked):
    assert len(asked.unknown(1_000_000 * "x")) == 1


def test_what_is_no_text_can_be_asked(fable):
    assert fable.unknown("had \udcff") == ["?"]
    assert len(fable.rank("\x00\u2028\x85 had")) == 5


def test_a_missing_model_says_how_to_make_one(tmp_path):
    with pytest.raises(ModelNotFoundError, match="rnnwords train"):
        Predictor.load(tmp_path / "none")


# --- many at once -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 3])
def test_many_prompts_are_answered_as_one_by_one(asked, threads, monkeypatch):
    monkeypatch.setattr("rnnwords.prediction.batch.CELLS", 100)  # several batches
    generator = np.random.default_rng(1)
    prompts = [" ".join(f"w{word}" for word in generator.integers(0, SIZE, n % 7)) for n in range(60)]
    prompts += ["", "zebra", "w1 zebra", prompts[5]]
    together = asked.answer_each(prompts, 4, threads=threads)
    for prompt, answer in zip(prompts, together, strict=True):
        alone = asked.answer(prompt, 4)
        assert (answer.prompt, answer.unknown) == (prompt, alone.unknown)
        assert [word for word, _ in answer.predictions] == [word for word, _ in alone.predictions]
        np.testing.assert_allclose(
            [share for _, share in answer.predictions], [share for _, share in alone.predictions], rtol=1e-4
        )
        assert answer.entropy == pytest.approx(alone.entropy, rel=1e-5)


def test_no_prompts_no_answers(asked):
    assert asked.answer_each([]) == []


def test_an_error_in_a_batch_reaches_the_caller(asked):
    with pytest.raises(UsageError, match="k must be"):
        asked.answer_each(["w1"] * 50, 0, threads=2)


def test_work_side_by_side_is_in_order_and_not_far_ahead():
    begun, lock = [], threading.Lock()

    def job(number):
        with lock:
            begun.append(number)
        return number

    found = []
    for result in side_by_side((partial(job, number) for number in range(100)), threads=2):
        found.append(result)
        with lock:
            assert max(begun) <= result + 4
    assert found == list(range(100))


def test_entropy_is_that_of_the_distribution(asked):
    p = np.exp(asked.context([1]).log_probabilities().astype(np.float64))
    assert asked.answer("w1").entropy == pytest.approx(-(p * np.log(p)).sum(), rel=1e-5)


# --- texts ------------------------------------------------------------------------------------------------------


def test_the_chain_is_followed(fable):
    assert "".join(fable.generate("they said", 6)) == " this, had a general council"
    assert list(fable.generate("they said", 3, tokens=True)) == ["this", ",", "had"]


@pytest.mark.parametrize("stateful", [False, True])
def test_greedy_takes_the_most_probable_word_each_time(stateful):
    asked = Predictor(random_model(plain_vocabulary(SIZE), reading="stateful" if stateful else "windows"))
    ids = [1, 2]
    for _ in range(20):
        ids.append(int(asked.context(ids).log_probabilities().argmax()))
    assert list(asked.generate("w1 w2", 20, tokens=True)) == asked.vocabulary.decode(ids[2:])


def test_unk_is_never_written_unless_asked_for():
    vocabulary = plain_vocabulary(SIZE, unk=True)
    model = random_model(vocabulary)
    model.weights["output/bias"][vocabulary.unk] = 50
    asked = Predictor(model)
    assert "<unk>" not in list(asked.generate("w1", 50, temperature=1.0, seed=1, tokens=True))
    assert "<unk>" not in asked.beams("w1", Request(words=5), 3)[0].text
    assert set(asked.generate("w1", 5, unk=True, tokens=True)) == {"<unk>"}


def test_a_seed_brings_the_same_words_again(asked):
    texts = [list(asked.generate("w1", 40, temperature=1.2, seed=seed)) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_drawn_words_have_the_frequencies_of_the_model():
    asked = Predictor(random_model(plain_vocabulary(3), window=1))
    expected = np.exp(asked.context([0]).log_probabilities())
    found = np.bincount(
        [asked.vocabulary.ranks[next(asked.generate("w0", 1, temperature=1.0, seed=seed, tokens=True))]
         for seed in range(3_000)], minlength=3,
    ) / 3_000  # fmt: skip
    np.testing.assert_allclose(found, expected, atol=4 * math.sqrt(0.25 / 3_000))


def test_a_text_ends_behind_its_sentence_if_asked_to(fable):
    assert "".join(fable.generate("they could", 99, until_sentence=True)) == " take."
    assert len(list(fable.generate("they could", 99))) == 99


def test_a_text_is_written_with_its_log_probability(fable):
    written = fable.write("had a", Request(words=3))
    assert written.text == " general council to"
    assert written.words == 3
    assert written.log_probability == pytest.approx(3 * math.log(0.98), abs=1e-4)
    assert fable.write("had a", Request(words=2), tokens=True).text == " general council"


def test_no_words_in_a_row_are_copied_beyond_the_limit():
    asked = Predictor(chain())
    ids = asked.vocabulary.encode(asked.vocabulary.tokenize(FABLE))
    for length in (1, 2, 4):
        different: list[dict[str, Any]] = [{}, {"temperature": 1.5, "seed": 3}]
        for options in different:
            made = asked.vocabulary.encode(
                list(asked.generate("they", 60, tokens=True, overlap=Overlap(ids, length), **options))
            )
            copied = {tuple(ids[at : at + length + 1]) for at in range(len(ids) - length)}
            text = [asked.vocabulary.ranks["they"], *made]
            assert not any(tuple(text[at : at + length + 1]) in copied for at in range(len(text) - length))
    assert "".join(asked.generate("they", 4)) == " could take. they"  # the same without a limit


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(1, 6), st.lists(st.integers(0, 3), max_size=8))
def test_words_that_would_copy_are_found_exactly(text, length, last):
    expected = {
        text[at + length] for at in range(len(text) - length)
        if len(last) >= length and text[at : at + length] == last[-length:]
    }  # fmt: skip
    assert set(Overlap(text, length).following(last).tolist()) == expected


@pytest.mark.parametrize("length", [0, 51])
def test_a_limit_of_copies_out_of_range_is_refused(length):
    with pytest.raises(UsageError, match="max-overlap must be between 1 and 50"):
        Overlap([1, 2], length)


@pytest.mark.parametrize("settings", [{}, {"reading": "stateful"}])
def test_a_wide_beam_finds_the_most_probable_text(settings):
    asked = Predictor(random_model(plain_vocabulary(5), **settings))
    best = max(
        sum(
            float(asked.context([2, *words[:at]]).log_probabilities()[words[at]]) for at in range(3)
        ) for words in itertools.product(range(5), repeat=3)
    )  # fmt: skip
    found = asked.beams("w2", Request(words=3), 125)
    assert found[0].log_probability == pytest.approx(best, abs=1e-4)
    scores = [text.score or 0.0 for text in found]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < scores[0] < 0
    assert len({text.text for text in found}) == 125


def test_a_beam_of_one_is_greedy(asked):
    assert asked.beams("w1", Request(words=9), 1)[0].text == asked.write("w1", Request(words=9)).text


def test_beams_end_behind_a_sentence(fable):
    assert fable.beams("they could", Request(words=9, until_sentence=True), 2)[0].text == " take."


def test_a_word_to_begin_with_is_a_word(fable):
    drawn = {fable.draw_word(seed) for seed in range(200)}
    assert drawn <= set(fable.vocabulary.words) - {".", ","}
    assert len(drawn) > 5


@pytest.mark.parametrize("settings", [{}, {"reading": "stateful"}])
def test_a_long_text_takes_no_more_memory_than_a_short_one(settings):
    asked = Predictor(random_model(plain_vocabulary(SIZE, unk=True), **settings))
    peaks = []
    for words in (500, 4_000):
        tracemalloc.start()
        for _ in asked.generate("w1", words, temperature=1.0, seed=1, repetition_penalty=1.1):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 20_000


def test_line_ends_come_out_where_the_text_has_them():
    text = "The cat sat .\nA mouse ran .\nThe cat sat .\n"
    lines = Predictor(chain(text, TextConfig(eos=True)))
    assert "".join(lines.generate("The", 9)) == " cat sat.\nThe cat sat.\n"
    assert detokenize(lines.generate("The", 2, tokens=True), lines.vocabulary.text) == "cat sat"


def test_each_word_of_a_text_is_explained(fable):
    (first, share, _), (second, sure, likely) = fable.explain_steps("had a", k=1)
    assert (first, second) == ("had", "a")
    assert share == pytest.approx(math.exp(fable.frequencies[fable.vocabulary.ranks["had"]]), rel=1e-5)
    assert sure == pytest.approx(0.98, abs=1e-4)
    assert likely[0].word == "a"
