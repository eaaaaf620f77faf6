"""The prediction API: contexts, ranking, prompts, batches, generated texts."""

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
from rnnwords.generation.suffix_array import Overlap
from rnnwords.generation.writer import GenerationRequest
from rnnwords.lm.networks import PROMPT_WORDS
from rnnwords.lm.unigram import unigram_log_probs
from rnnwords.network.forward_each import forward_each
from rnnwords.network.recurrent import Network
from rnnwords.prediction import predictor as module
from rnnwords.prediction.parallel_map import parallel_map
from rnnwords.prediction.predictor import Predictor
from rnnwords.prediction.prefixes import Candidates
from rnnwords.prediction.ranking import largest, rank_candidates
from tests.models import chain, log_probs_after, plain_vocabulary, random_model, saved, small_model
from tests.texts import FABLE_TEXT, WORDS

SIZE = 12
SHAPES = [
    {},
    {"cell": "gru", "window": 1},
    {"cell": "simple", "layers": 1, "input": "scalar"},
    {"cell": "lstm", "tie": True},
    {"cell": "gru", "input": "one-hot", "window": 5},
    {"mode": "stateful"},
    {"mode": "stateful", "cell": "gru", "layers": 1},
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
        def load(cls, path, interpolation=None, low_memory=False, exclude=(), personal=None):
            assert str(path) == "models/fable"
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
def test_contexts_advanced_together_equal_contexts_advanced_alone(cell, contexts):
    model = small_model(WORDS[:4], cell=cell, layers=2, mode="stateful")
    network = Network(model.network, model.weights)
    together = forward_each(network, contexts)
    for output, context in zip(together, contexts, strict=True):
        np.testing.assert_allclose(output, network.forward(np.array([context]))[0][0], atol=2e-6)


def test_shared_prefixes_are_computed_once(monkeypatch):
    model = random_model(plain_vocabulary(9), layers=1)
    network = Network(model.network, model.weights)
    apply, rows = network.cells[0].apply, []

    def counted(x, before, state):
        rows.append(len(x))
        return apply(x, before, state)

    monkeypatch.setattr(network.cells[0], "apply", counted)
    forward_each(network, [[1, 2, 3], [1, 2, 4], [1, 5, 6], [1, 2, 3], [7], [1, 2]])
    assert rows == [2, 2, 3]


def test_advancing_does_not_change_the_earlier_state(asked):
    state = asked.state([1, 2])
    before = asked.lm.log_probs([state])
    asked.lm.log_probs([asked.lm.advance(state, [3])])
    np.testing.assert_array_equal(asked.lm.log_probs([state]), before)
    np.testing.assert_array_equal(asked.lm.log_probs([asked.lm.advance(state, [])]), before)


def test_log_probs_are_the_callers_own(asked):
    state = asked.state([1, 2])
    first = asked.lm.log_probs([state])
    expected = first.copy()
    first[:] = 0
    np.testing.assert_array_equal(asked.lm.log_probs([state]), expected)


def test_reading_word_by_word_equals_reading_at_once(asked):
    state, words = asked.lm.initial_state(), [1, 5, 2, 7, 3, 3]
    stepwise = [state]
    for word in words:
        state = asked.lm.advance(state, [word])
        asked.lm.log_probs([state])
        stepwise.append(state)
    expected = [log_probs_after(asked.lm, words[:end]) for end in range(len(words) + 1)]
    np.testing.assert_allclose([asked.lm.log_probs([one])[0] for one in stepwise], expected, atol=3e-6)
    start = asked.lm.initial_state()
    np.testing.assert_allclose(asked.lm.log_probs([start, *asked.lm.advance_each(start, words)]), expected, atol=3e-6)
    assert asked.lm.advance_each(start, []) == []


def test_states_evaluated_together_equal_alone_and_can_continue(asked):
    start = asked.state([4, 1])
    asked.lm.log_probs([start])
    states = [asked.lm.advance(start, [word]) for word in (0, 3, 3, 9)]
    alone = [log_probs_after(asked.lm, [4, 1, word]) for word in (0, 3, 3, 9)]
    np.testing.assert_allclose(asked.lm.log_probs(states), alone, atol=3e-6)
    further = asked.lm.log_probs([asked.lm.advance(state, [2]) for state in states])
    np.testing.assert_allclose(further[1], log_probs_after(asked.lm, [4, 1, 3, 2]), atol=3e-6)
    mixed = asked.lm.log_probs([asked.state(), asked.state([1, 2, 3]), start])
    np.testing.assert_allclose(mixed[0], unigram_log_probs(asked.vocabulary.counts))
    np.testing.assert_allclose(mixed[1], log_probs_after(asked.lm, [1, 2, 3]), atol=3e-6)


def test_growing_prompt_computes_only_its_new_words(monkeypatch):
    asked = Predictor(random_model(plain_vocabulary(SIZE), mode="stateful"))
    read = Network.forward
    words = []

    def counted(self, ids, state=None):
        words.append(ids.size)
        return read(self, ids, state)

    monkeypatch.setattr(Network, "forward", counted)
    text = [f"w{number % SIZE}" for number in range(40)]
    for end in (30, 31, 33, 33, 30, 40):
        found = asked.rank(" ".join(text[:end]), k=SIZE)
        clean = Predictor(asked.model).rank(" ".join(text[:end]), k=SIZE)
        assert [word for word, _ in found] == [word for word, _ in clean]
        np.testing.assert_allclose([share for _, share in found], [share for _, share in clean], rtol=1e-4)
    assert [count for count in words if count not in (30, 31, 33, 40)] == [1, 2, 7]


def test_state_cache_is_bounded(monkeypatch):
    monkeypatch.setattr("rnnwords.lm.state_cache.MAX_STATES", 3)
    asked = Predictor(random_model(plain_vocabulary(SIZE), mode="stateful"))
    for number in range(10):
        asked.rank(f"w{number}")
    assert len(asked._states.states) == 3


# --- ranking ----------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(1, 700), st.integers(1, 30))
def test_top_k_equals_a_stable_sort(seed, batch, size, k):
    scores = np.random.default_rng(seed).integers(-9, 1, (batch, size)).astype(np.float32)  # many are equal
    k = min(k, size)
    np.testing.assert_array_equal(largest(scores, k), np.argsort(-scores, axis=1, kind="stable")[:, :k])


def test_top_k_of_a_large_row_includes_its_tail():
    scores = np.zeros((2, 64 * 40 + 7), np.float32)
    scores[0, [2566, 3, 2561]] = [3, 2, 1]
    scores[1, [0, 1]] = -1
    assert largest(scores, 4)[0].tolist() == [2566, 3, 2561, 0]
    assert largest(scores, 4)[1].tolist() == [2, 3, 4, 5]


def test_candidate_probabilities_sum_to_one():
    scores = np.log(np.array([[0.5, 0.3, 0.15, 0.05]], np.float32))
    best, shares = rank_candidates(scores, 9, Candidates((np.array([1, 3]),), {}))
    assert best.tolist() == [[1, 3]]
    np.testing.assert_allclose(shares, [[0.3 / 0.35, 0.05 / 0.35]], rtol=1e-6)


def test_rank_is_the_sorted_distribution_without_unk(asked):
    scores = log_probs_after(asked.lm, asked.encode("w1 w2")[0])
    expected = sorted((-score, word) for word, score in enumerate(scores) if word != asked.vocabulary.unk_id)
    found = asked.rank("w1 w2", k=99)
    assert [word for word, _ in found] == [asked.vocabulary.words[word] for _, word in expected]
    np.testing.assert_allclose([share for _, share in found], np.exp([-nats for nats, _ in expected]), rtol=1e-5)


def test_prefix_keeps_matching_words_and_their_odds(asked):
    everything = dict(asked.rank("w3", k=99))
    found = asked.rank("w3", k=99, prefix="w1")
    assert {word for word, _ in found} == {"w1", "w10"}
    assert sum(share for _, share in found) == pytest.approx(1)
    assert found[0].probability / found[1].probability == pytest.approx(
        everything[found[0].word] / everything[found[1].word], rel=1e-5
    )
    assert asked.rank("w3", prefix="zebra") == []
    assert asked.rank("w3", prefix="<un") == []


def test_prefix_of_the_last_code_point_finds_all_its_words():
    words = Predictor(chain("a\U0010ffff\U0010ffff\U0010ffff\U0010ffff\U0010ffffb a", TextConfig("whitespace")))
    assert len(words.ranker.with_prefix("a")) == 2
    assert len(words.ranker.with_prefix("a\U0010ffff")) == 1


def test_k_below_one_is_refused(fable):
    with pytest.raises(UsageError, match="`k`: expected 1 or more, found 0"):
        fable.rank("had", k=0)


# --- prompts ----------------------------------------------------------------------------------------------------


def test_unknown_words_follow_the_oov_policy(fable):
    cut = Predictor(chain(max_size=6))
    assert cut.encode("had zebra")[0] == [cut.vocabulary.ids["had"], cut.vocabulary.unk_id]
    assert cut.encode("had zebra", "skip")[0] == [cut.vocabulary.ids["had"]]
    assert fable.encode("had zebra")[0] == [fable.vocabulary.ids["had"]]
    assert fable.encode("had zebra ox")[1] == ["zebra", "ox"]
    with pytest.raises(UnknownWordError, match=r"'generals' is not in the .* similar words: general"):
        fable.encode("a generals", "error")
    with pytest.raises(UnknownWordError, match=r"'k1' .*'k2' .*'k3' .*2 more are unknown$"):
        fable.encode("k1 k2 k1 k3 k4 k5", "error")
    with pytest.raises(UsageError, match="no <unk>"):
        fable.encode("had zebra", "unk")
    with pytest.raises(UsageError, match="`oov`: expected one of unk, skip, error, found 'guess'"):
        fable.encode("had", "guess")
    assert fable.encode("had a", "unk")[1] == []  # nothing to replace: nothing to complain about


def test_prompt_case_follows_the_text_settings(fable):
    assert fable.unknown("Had A general") == ["Had", "A"]
    lower = Predictor(chain(config=TextConfig(lowercase=True)))
    assert lower.unknown("Had A general") == []
    assert [word for word, _ in lower.rank("HAD a", k=1, prefix="Ge")] == ["general"]


def test_an_empty_prompt_is_answered_by_frequency(fable):
    assert [word for word, _ in fable.rank("", k=3)] == fable.vocabulary.words[:3]
    assert [word for word, _ in fable.rank(" \t ", k=3)] == fable.vocabulary.words[:3]
    assert fable.rank("zebra", k=1)[0].word == fable.vocabulary.words[0]


def test_empty_prompt_follows_a_line_end_with_eos():
    lines = Predictor(chain("the cat\nthe mouse\nthe cat\n", TextConfig(eos=True)))
    assert lines.rank("", k=1)[0].word == "the"
    assert lines.rank("", k=1)[0].probability == pytest.approx(0.98, abs=1e-4)


def test_short_prompt_is_read_without_padding(asked):
    ids = asked.encode("w4")[0]
    expected = asked.network.network.log_probs(asked.network.network.forward(np.array([ids]))[0])[0]
    np.testing.assert_allclose(log_probs_after(asked.lm, ids), expected)


@pytest.mark.parametrize("text", ["w1 w2 w3 w4 w5 ", "w1 \n\n w2    w3\tw4 w5" + 500 * " "])
def test_long_prompt_depends_only_on_its_last_words(asked, text):
    prompt = 100_000 * "w6 w7\n" + text
    ids, unknown = asked.encode(prompt)
    assert len(ids) == (PROMPT_WORDS if asked.context_size is None else 64)
    assert asked.vocabulary.decode(ids)[-5:] == ["w1", "w2", "w3", "w4", "w5"]
    assert unknown == []
    assert asked.rank(prompt) == asked.rank(" ".join(asked.vocabulary.decode(ids)))


def test_an_endless_word_is_one_unknown_word(asked):
    assert len(asked.unknown(1_000_000 * "x")) == 1


def test_prompts_of_odd_characters_are_answered(fable):
    assert fable.unknown("had \udcff") == ["?"]
    assert len(fable.rank("\x00\u2028\x85 had")) == 5


def test_missing_model_error_names_the_command_that_trains_one(tmp_path):
    with pytest.raises(ModelNotFoundError, match="rnnwords train"):
        Predictor.load(tmp_path / "none")


# --- many at once -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 3])
def test_batched_prompts_are_answered_as_single_prompts(asked, threads, monkeypatch):
    monkeypatch.setattr("rnnwords.prediction.scoring.MAX_NUMBERS", 100)  # several batches
    generator = np.random.default_rng(1)
    prompts = [" ".join(f"w{word}" for word in generator.integers(0, SIZE, n % 7)) for n in range(60)]
    prompts += ["", "zebra", "w1 zebra", prompts[5]]
    together = asked.answer_each(prompts, 4, threads=threads)
    for prompt, answer in zip(prompts, together, strict=True):
        alone = asked.answer(prompt, 4)
        assert answer == alone._replace(prompt=prompt)  # bit-equal, so that it does not matter how fast prompts arrive


def test_no_prompts_give_no_answers(asked):
    assert asked.answer_each([]) == []


def test_an_error_in_a_batch_reaches_the_caller(asked):
    with pytest.raises(UsageError, match="`k`: expected"):
        asked.answer_each(["w1"] * 50, 0, threads=2)


def test_parallel_map_keeps_order_and_bounds_work_ahead():
    begun, lock = [], threading.Lock()

    def job(number):
        with lock:
            begun.append(number)
        return number

    found = []
    for result in parallel_map((partial(job, number) for number in range(100)), threads=2):
        found.append(result)
        with lock:
            assert max(begun) <= result + 4
    assert found == list(range(100))


def test_entropy_equals_the_distribution(asked):
    p = np.exp(log_probs_after(asked.lm, [1]).astype(np.float64))
    assert asked.answer("w1").entropy == pytest.approx(-(p * np.log(p)).sum(), rel=1e-5)


# --- texts ------------------------------------------------------------------------------------------------------


def test_greedy_text_follows_known_transitions(fable):
    assert "".join(fable.generate("they said", 6)) == " this, had a general council"
    assert list(fable.generate("they said", 3, tokens=True)) == ["this", ",", "had"]


@pytest.mark.parametrize("stateful", [False, True])
def test_greedy_text_takes_the_most_probable_word_each_time(stateful):
    asked = Predictor(random_model(plain_vocabulary(SIZE), mode="stateful" if stateful else "windows"))
    ids = [1, 2]
    for _ in range(20):
        ids.append(int(log_probs_after(asked.lm, ids).argmax()))
    assert list(asked.generate("w1 w2", 20, tokens=True)) == asked.vocabulary.decode(ids[2:])


def test_generated_text_has_no_unk_by_default():
    vocabulary = plain_vocabulary(SIZE, unk=True)
    model = random_model(vocabulary)
    model.weights["output/bias"][vocabulary.unk_id] = 50
    asked = Predictor(model)
    assert "<unk>" not in list(asked.generate("w1", 50, temperature=1.0, seed=1, tokens=True))
    assert "<unk>" not in asked.beams("w1", GenerationRequest(words=5), 3)[0].text
    assert set(asked.generate("w1", 5, unk=True, tokens=True)) == {"<unk>"}


def test_equal_seeds_generate_equal_words(asked):
    texts = [list(asked.generate("w1", 40, temperature=1.2, seed=seed)) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_sampled_words_have_the_model_frequencies():
    asked = Predictor(random_model(plain_vocabulary(3), window=1))
    expected = np.exp(log_probs_after(asked.lm, [0]))
    found = np.bincount(
        [asked.vocabulary.ids[next(asked.generate("w0", 1, temperature=1.0, seed=seed, tokens=True))]
         for seed in range(3_000)], minlength=3,
    ) / 3_000  # fmt: skip
    np.testing.assert_allclose(found, expected, atol=4 * math.sqrt(0.25 / 3_000))


def test_generation_stops_after_a_sentence_on_request(fable):
    assert "".join(fable.generate("they could", 99, until_sentence=True)) == " take."
    assert len(list(fable.generate("they could", 99))) == 99


def test_generated_text_has_its_log_probability(fable):
    written = fable.write("had a", GenerationRequest(words=3))
    assert written.text == " general council to"
    assert written.words == 3
    assert written.log_prob == pytest.approx(3 * math.log(0.98), abs=1e-4)
    assert fable.write("had a", GenerationRequest(words=2), tokens=True).text == " general council"


def test_generated_text_copies_no_run_beyond_the_limit():
    asked = Predictor(chain())
    ids = asked.vocabulary.encode(asked.vocabulary.tokenize(FABLE_TEXT))
    for length in (1, 2, 4):
        different: list[dict[str, Any]] = [{}, {"temperature": 1.5, "seed": 3}]
        for options in different:
            made = asked.vocabulary.encode(
                list(asked.generate("they", 60, tokens=True, overlap=Overlap(ids, length), **options))
            )
            copied = {tuple(ids[at : at + length + 1]) for at in range(len(ids) - length)}
            text = [asked.vocabulary.ids["they"], *made]
            assert not any(tuple(text[at : at + length + 1]) in copied for at in range(len(text) - length))
    assert "".join(asked.generate("they", 4)) == " could take. they"  # the same without a limit


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(1, 6), st.lists(st.integers(0, 3), max_size=8))
def test_copy_limit_bans_exactly_the_words_that_would_copy(text, length, last):
    expected = {
        text[at + length] for at in range(len(text) - length)
        if len(last) >= length and text[at : at + length] == last[-length:]
    }  # fmt: skip
    assert set(Overlap(text, length).following(last).tolist()) == expected


@pytest.mark.parametrize("length", [0, 51])
def test_copy_limit_out_of_range_is_refused(length):
    with pytest.raises(UsageError, match="`max_overlap`: expected 1 to 50, found"):
        Overlap([1, 2], length)


@pytest.mark.parametrize("settings", [{}, {"mode": "stateful"}])
def test_wide_beam_finds_the_most_probable_text(settings):
    asked = Predictor(random_model(plain_vocabulary(5), **settings))
    best = max(
        sum(
            float(log_probs_after(asked.lm, [2, *words[:at]])[words[at]]) for at in range(3)
        ) for words in itertools.product(range(5), repeat=3)
    )  # fmt: skip
    found = asked.beams("w2", GenerationRequest(words=3), 125)
    assert found[0].log_prob == pytest.approx(best, abs=1e-4)
    scores = [text.score or 0.0 for text in found]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < scores[0] < 0
    assert len({text.text for text in found}) == 125


def test_beam_of_width_one_equals_greedy(asked):
    assert (
        asked.beams("w1", GenerationRequest(words=9), 1)[0].text == asked.write("w1", GenerationRequest(words=9)).text
    )


def test_beams_end_after_a_sentence(fable):
    assert fable.beams("they could", GenerationRequest(words=9, until_sentence=True), 2)[0].text == " take."


def test_random_first_word_is_not_punctuation(fable):
    drawn = {fable.draw_word(seed) for seed in range(200)}
    assert drawn <= set(fable.vocabulary.words) - {".", ","}
    assert len(drawn) > 5


@pytest.mark.parametrize("settings", [{}, {"mode": "stateful"}])
def test_generation_memory_does_not_grow_with_text_length(settings):
    asked = Predictor(random_model(plain_vocabulary(SIZE, unk=True), **settings))
    peaks = []
    for words in (500, 4_000):
        tracemalloc.start()
        for _ in asked.generate("w1", words, temperature=1.0, seed=1, repetition_penalty=1.1):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 20_000


def test_generated_eos_becomes_a_line_end():
    text = "The cat sat .\nA mouse ran .\nThe cat sat .\n"
    lines = Predictor(chain(text, TextConfig(eos=True)))
    assert "".join(lines.generate("The", 9)) == " cat sat.\nThe cat sat.\n"
    assert "".join(lines.vocabulary.pieces(lines.generate("The", 2, tokens=True))) == "cat sat"


def test_explain_steps_covers_each_word_of_a_text(fable):
    (first, share, _), (second, sure, likely) = fable.explain_steps("had a", k=1)
    assert (first, second) == ("had", "a")
    assert share == pytest.approx(
        math.exp(unigram_log_probs(fable.vocabulary.counts)[fable.vocabulary.ids["had"]]), rel=1e-5
    )
    assert sure == pytest.approx(0.98, abs=1e-4)
    assert likely[0].word == "a"


@pytest.mark.parametrize("mode", [{"window": 2}, {"mode": "stateful"}])
def test_no_ngram_of_a_prompt_longer_than_what_is_read_is_repeated(mode: dict[str, Any]) -> None:
    predictor = Predictor(random_model(plain_vocabulary(SIZE), **mode))
    text = ""
    for _ in range(40):  # as ghost text that is accepted again and again
        text += "".join(predictor.generate(text, 3, no_repeat_ngram=3))
    words = text.split()
    ngrams = list(itertools.pairwise(itertools.pairwise(words)))
    assert len(words) == 120
    assert len(set(ngrams)) == len(ngrams)
