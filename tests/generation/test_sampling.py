"""Sampling and beam search: distributions, frequencies, banned words, exhaustive search."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from rnnwords.errors import ModelError, UsageError
from rnnwords.generation.beam_search import LENGTH_ALPHA, Beam, beam_search
from rnnwords.generation.sampling import RECENT, History, Sampling, adjust, choose, distribution
from rnnwords.lm.interface import LanguageModel
from tests.models import plain_vocabulary

Array = NDArray[Any]
INF = math.inf
HALVES = np.log([0.5, 0.25, 0.125, 0.0625, 0.0625])  # of ranks 0..4, exact in binary


def logs(*probabilities: float) -> Array:
    with np.errstate(divide="ignore"):
        found: Array = np.log(np.array(probabilities))
    return found


def scored(values: Array) -> Array:
    """Normalize finite values to log-probabilities of the same type."""
    shifted = values - values.max()
    found: Array = shifted - np.log(np.exp(shifted).sum())
    return found.astype(values.dtype)


# Few distinct values, so that ties are common, and lengths around 1, where borders are.
score_arrays = st.one_of(
    arrays(np.float32, st.integers(1, 40), elements=st.sampled_from([-30.0, -3.0, -2.5, -2.0, -1.0, 0.0])),
    arrays(np.float64, st.integers(1, 40), elements=st.floats(-50, 0)),
).map(scored)


class BigramTable(LanguageModel[int]):
    """A fake language model: the next word depends on the last one by a table of log-probabilities (V, V)."""

    context_size = 1

    def __init__(self, table: Array) -> None:
        self.table = table
        self.vocabulary = plain_vocabulary(len(table))
        self.batches: list[int] = []  # states per call

    def initial_state(self) -> int:
        return 0

    def advance(self, state: int, ids: Sequence[int]) -> int:
        return ids[-1] if len(ids) else state

    def log_probs(self, states: Sequence[int]) -> Array:
        self.batches.append(len(states))
        rows: Array = self.table[list(states)]
        return rows


def random_table(size: int, seed: int) -> BigramTable:
    weights = np.random.default_rng(seed).random((size, size)) ** 3 + 1e-6
    return BigramTable(np.log(weights / weights.sum(axis=1, keepdims=True)))


def run(lm: BigramTable, sampling: Sampling, words: int, prompt: Sequence[int] = (0,), seed: int = 0) -> list[int]:
    generator, text = np.random.default_rng(seed), list(prompt)
    history = History(prompt, sampling.no_repeat_ngram)
    for _ in range(words):
        text.append(choose(lm.log_probs([text[-1]])[0], history, sampling, generator))
        history.append(text[-1])
    return text


# Settings


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("temperature", 0, "`temperature`: expected a number between 0.001 and 100"),
        ("temperature", -1, "`temperature`: expected a number between 0.001 and 100"),
        ("temperature", math.nan, "`temperature`: expected a number between 0.001 and 100"),
        ("temperature", INF, "`temperature`: expected a number between 0.001 and 100"),
        ("temperature", 100.5, "`temperature`: expected a number between 0.001 and 100"),
        ("temperature", "warm", "`temperature`: expected a number"),
        ("top_k", 0, "`top_k`: expected a whole number between 1 and 1,000,000"),
        ("top_k", -3, "`top_k`: expected a whole number between 1 and 1,000,000"),
        ("top_k", 1.5, "`top_k`: expected a whole number"),
        ("top_k", True, "`top_k`: expected a whole number"),
        ("top_p", 0, "`top_p`: expected a number between 0.001 and 1"),
        ("top_p", 1.01, "`top_p`: expected a number between 0.001 and 1"),
        ("top_p", math.nan, "`top_p`: expected a number between 0.001 and 1"),
        ("repetition_penalty", 0.9, "`repetition_penalty`: expected a number between 1.0 and 100"),
        ("repetition_penalty", math.nan, "`repetition_penalty`: expected a number between 1.0 and 100"),
        ("no_repeat_ngram", 0, "`no_repeat_ngram`: expected a whole number between 1 and 100"),
    ],
)
def test_bad_options_are_refused_with_their_range(option: str, value: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Sampling(**{option: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sampling", "greedy"),
    [
        (Sampling(), True),
        (Sampling(repetition_penalty=1.2, no_repeat_ngram=3), True),
        (Sampling(temperature=1), False),
        (Sampling(top_k=1), False),
        (Sampling(top_p=1), False),
    ],
)
def test_sampling_is_greedy_by_default(sampling: Sampling, greedy: bool) -> None:
    assert sampling.greedy is greedy
    assert Sampling.from_json(sampling.to_json()) == sampling


# Choosing


@pytest.mark.parametrize(
    ("scores", "word"),
    [
        (logs(0.2, 0.5, 0.3), 1),
        (logs(0.2, 0.4, 0.4), 1),
        (logs(0.25, 0.25, 0.25, 0.25), 0),
        (logs(0.0, 0.0, 1.0), 2),
        (logs(1.0), 0),
        (logs(0.2, 0.4, 0.4).astype(np.float32), 1),
    ],
)
def test_greedy_takes_the_best_and_breaks_ties_by_lowest_id(scores: Array, word: int) -> None:
    assert choose(scores, History(), Sampling()) == word
    assert choose(scores, History(), Sampling(top_k=1), np.random.default_rng(0)) == word
    words, probabilities = distribution(scores, Sampling())
    assert (words.tolist(), probabilities.tolist()) == ([word], [1.0])


@pytest.mark.parametrize(
    ("options", "words", "probabilities"),
    [
        ({"temperature": 1.0}, [0, 1, 2, 3, 4], [0.5, 0.25, 0.125, 0.0625, 0.0625]),
        ({"temperature": 0.5}, [0, 1, 2, 3, 4], [64 / 86, 16 / 86, 4 / 86, 1 / 86, 1 / 86]),
        ({"temperature": 100.0, "top_k": 1}, [0], [1.0]),
        ({"top_k": 2}, [0, 1], [2 / 3, 1 / 3]),
        ({"top_k": 4}, [0, 1, 2, 3], [8 / 15, 4 / 15, 2 / 15, 1 / 15]),  # 3 and 4 tie: the lower rank stays
        ({"top_k": 99}, [0, 1, 2, 3, 4], [0.5, 0.25, 0.125, 0.0625, 0.0625]),
        ({"top_p": 0.001}, [0], [1.0]),
        ({"top_p": 0.49}, [0], [1.0]),
        ({"top_p": 0.51}, [0, 1], [2 / 3, 1 / 3]),
        ({"top_p": 0.9}, [0, 1, 2, 3], [8 / 15, 4 / 15, 2 / 15, 1 / 15]),
        ({"top_p": 1.0}, [0, 1, 2, 3, 4], [0.5, 0.25, 0.125, 0.0625, 0.0625]),
        # Of the best two, 0 has 2/3, which reaches 0.6 alone; of all words it would not.
        ({"top_k": 2, "top_p": 0.6}, [0], [1.0]),
        # Temperature comes first: at 0.5, 0 has 64/86 and reaches 0.7 alone.
        ({"temperature": 0.5, "top_p": 0.7}, [0], [1.0]),
    ],
)
def test_temperature_top_k_and_top_p_give_known_distributions(
    options: dict[str, Any], words: list[int], probabilities: list[float]
) -> None:
    kept, p = distribution(HALVES, Sampling(**options))
    assert kept.tolist() == words
    assert p == pytest.approx(probabilities, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(score_arrays, st.integers(1, 45), st.floats(0.05, 5))
def test_top_k_never_leaks(scores: Array, k: int, temperature: float) -> None:
    sampling = Sampling(top_k=k, temperature=temperature)
    best = sorted(range(scores.size), key=lambda word: (-scores[word], word))[:k]
    words, p = distribution(scores, sampling)
    assert words.tolist() == sorted(best)
    assert p.sum() == pytest.approx(1)
    assert np.all(np.diff(p[np.argsort(scores[words], kind="stable")]) >= 0), "order is kept"
    generator = np.random.default_rng(k)
    assert {choose(scores, History(), sampling, generator) for _ in range(20)} <= set(best)


@settings(max_examples=60, deadline=None)
@given(score_arrays, st.floats(0.001, 1), st.one_of(st.none(), st.integers(1, 45)))
def test_top_p_keeps_the_fewest_words_that_reach_it(scores: Array, top_p: float, k: int | None) -> None:
    base, p = distribution(scores, Sampling(top_k=k, temperature=1.0))
    words, _ = distribution(scores, Sampling(top_k=k, top_p=top_p))
    falling = sorted(range(base.size), key=lambda place: (-p[place], place))
    assert words.tolist() == sorted(base[falling[: words.size]].tolist()), "the heaviest, ties by rank"
    mass = sum(p[place] for place in falling[: words.size])
    assert mass >= top_p - 1e-9
    assert top_p == 1 or mass - p[falling[words.size - 1]] < top_p + 1e-9, "one fewer would not reach it"


@pytest.mark.parametrize("spread", [0.0, 0.01, 1.0, 4.0])
def test_top_p_of_a_large_vocabulary_equals_a_full_sort(spread: float) -> None:
    generator = np.random.default_rng(5)
    for mass in (0.1, 0.5, 0.9, 0.999):
        scores = scored(generator.normal(size=5_000) * spread)
        p = np.exp(scores)
        order = np.argsort(-p, kind="stable")
        size = int(np.searchsorted(np.cumsum(p[order]), mass)) + 1
        words, _ = distribution(scores, Sampling(top_p=mass))
        if spread == 0.0:  # all tie: sums of equal numbers in another order may differ by one word
            assert abs(words.size - size) <= 1
            assert words.tolist() == list(range(words.size))
        else:
            assert words.tolist() == sorted(order[:size].tolist())


@pytest.mark.parametrize(
    "options",
    [{"temperature": 1.0}, {"temperature": 2.0}, {"top_k": 3}, {"top_p": 0.8}, {"temperature": 0.5, "top_k": 4}],
)
def test_frequencies_follow_the_probabilities(options: dict[str, Any]) -> None:
    scores, sampling, draws = logs(0.1, 0.0, 0.4, 0.2, 0.3), Sampling(**options), 4_000
    generator, history = np.random.default_rng(11), History()
    counts = np.bincount([choose(scores, history, sampling, generator) for _ in range(draws)], minlength=5)
    expected = np.zeros(5)
    words, p = distribution(scores, sampling)
    expected[words] = p
    assert counts[1] == 0, "a word of score -inf"
    assert np.all(counts[expected == 0] == 0)
    # Five standard deviations of a binomial count.
    assert np.all(np.abs(counts - draws * expected) <= 5 * np.sqrt(draws * expected * (1 - expected)))


class Fixed(np.random.Generator):
    """A generator that returns a given number."""

    def __init__(self, value: float) -> None:
        super().__init__(np.random.PCG64(0))
        self.value = value

    def random(self, *_: Any, **__: Any) -> Any:
        return self.value


@pytest.mark.parametrize(
    ("drawn", "word"), [(0.0, 1), (0.2499, 1), (0.25, 3), (0.7499, 3), (0.75, 4), (1 - 2**-53, 4), (1.0, 4)]
)
def test_draws_follow_the_cumulative_distribution_in_id_order(drawn: float, word: int) -> None:
    scores = logs(0.0, 0.25, 0.0, 0.5, 0.25, 0.0, 0.0)
    assert choose(scores, History(), Sampling(temperature=1.0), Fixed(drawn)) == word


def test_extreme_temperatures_stay_finite() -> None:
    scores = scored(np.array([-1e4, -5.0, -5.0, -INF, *[-5.001] * 20]))
    _, p = distribution(scores, Sampling(temperature=0.001))
    assert p[:4] == pytest.approx([0, *[1 / (2 + 20 / math.e)] * 2, 0])
    words, p = distribution(scores, Sampling(temperature=100.0))
    assert np.isfinite(p).all()
    assert p[words == 3].tolist() == [0.0]


def test_equal_seeds_give_equal_texts_with_one_draw_per_word() -> None:
    lm, sampling = random_table(30, 1), Sampling(temperature=1.1, top_k=20, top_p=0.95, repetition_penalty=1.1)
    assert run(lm, sampling, 100, seed=4) == run(lm, sampling, 100, seed=4)
    assert run(lm, sampling, 100, seed=4) != run(lm, sampling, 100, seed=5)
    used, plain = np.random.default_rng(9), np.random.default_rng(9)
    for _ in range(7):
        choose(HALVES, History(), Sampling(top_k=3), used)
    assert used.random() == plain.random(8)[7]
    choose(HALVES, History(), Sampling(), used)
    assert used.random() == np.random.default_rng(9).random(9)[8], "greedy draws nothing"


def test_sampling_without_a_generator_raises() -> None:
    with pytest.raises(ValueError, match="generator"):
        choose(HALVES, History(), Sampling(top_k=2))


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=1.0)])
def test_scores_without_a_possible_word_are_refused(sampling: Sampling) -> None:
    generator = np.random.default_rng(0)
    for scores in (np.full(3, -INF), np.empty(0)):
        with pytest.raises(UsageError, match="expected a word to choose from, found all"):
            choose(scores, History(), sampling, generator)
    for bad in (math.nan, INF):
        with pytest.raises(ModelError, match="finite"):
            choose(np.array([-1.0, bad]), History(), sampling, generator)


# Penalties and bans


def test_repetition_penalty_multiplies_log_probabilities_once() -> None:
    scores = HALVES.astype(np.float32)
    before = scores.copy()
    found = adjust(scores, History([1, 3, 3, 3]), Sampling(repetition_penalty=2.0))
    assert found == pytest.approx(HALVES * [1, 2, 1, 2, 1])
    assert found.dtype == np.float32
    assert np.array_equal(scores, before), "the caller's array is left alone"
    assert np.exp(found[3]) == pytest.approx(0.0625**2)


def test_repetition_penalty_ignores_words_before_its_window() -> None:
    history = History([0] + [1] * (RECENT - 1))
    assert adjust(HALVES, history, Sampling(repetition_penalty=1.5))[0] == pytest.approx(HALVES[0] * 1.5)
    history.append(1)
    assert adjust(HALVES, history, Sampling(repetition_penalty=1.5))[0] == HALVES[0]
    assert len(history.recent) == RECENT


def test_repetition_penalty_breaks_a_loop() -> None:
    lm = BigramTable(logs(0.05, 0.5, 0.45, 0.5, 0.05, 0.45, 0.4, 0.3, 0.3).reshape(3, 3))
    assert run(lm, Sampling(), 6) == [0, 1, 0, 1, 0, 1, 0]
    assert 2 in run(lm, Sampling(repetition_penalty=1.3), 6)


@pytest.mark.parametrize(
    ("n", "ids", "banned"),
    [
        (None, [1, 2, 1, 2, 1], []),
        (1, [], []),
        (1, [4, 2, 4], [4, 2]),
        (2, [1], []),
        (2, [1, 2, 1], [2]),
        (2, [1, 2, 1, 3, 1, 2, 1], [2, 3]),
        (2, [1, 1], [1]),
        (3, [1, 2], []),
        (3, [1, 2, 3, 1, 2], [3]),
        (3, [1, 2, 3, 2, 1], []),
        (5, [1, 2, 3], []),
    ],
)
def test_words_that_complete_a_repeated_ngram_are_banned(n: int | None, ids: list[int], banned: list[int]) -> None:
    assert History(ids, n).banned().tolist() == banned
    found = adjust(np.log(np.full(6, 1 / 6)), History(ids, n), Sampling(no_repeat_ngram=n))
    assert np.flatnonzero(np.isinf(found)).tolist() == sorted(banned)


def ngrams(text: Sequence[int], n: int) -> list[tuple[int, ...]]:
    return [tuple(text[place : place + n]) for place in range(len(text) - n + 1)]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 4), st.booleans(), st.lists(st.integers(0, 19), min_size=1, max_size=8))
def test_no_repeat_ngram_never_repeats_an_ngram(seed: int, n: int, greedy: bool, prompt: list[int]) -> None:
    sampling = Sampling(no_repeat_ngram=n, temperature=None if greedy else 0.7)
    text = run(random_table(20, seed), sampling, 120, prompt, seed)
    old, new = ngrams(prompt, n), ngrams(text, n)[max(0, len(prompt) - n + 1) :]
    assert len(set(new)) == len(new), "no n-gram of the continuation twice"
    assert not set(old) & set(new), "none of the prompt's again"


def test_no_repeat_unigram_uses_each_word_once_then_lifts_the_ban() -> None:
    text = run(random_table(10, 3), Sampling(no_repeat_ngram=1), 25)
    assert sorted(text[:10]) == list(range(10))
    assert len(text) == 26
    # Alone or beside words of score -inf, the only word there is goes on being chosen.
    for scores in (logs(1.0), logs(1.0, 0.0)):
        for sampling in (Sampling(no_repeat_ngram=2), Sampling(no_repeat_ngram=2, top_p=0.5)):
            assert choose(scores, History([0, 0, 0], 2), sampling, np.random.default_rng(0)) == 0


def test_lifted_ban_keeps_the_repetition_penalty() -> None:
    found = adjust(HALVES, History([0, 1, 2, 3, 4], 1), Sampling(no_repeat_ngram=1, repetition_penalty=2.0))
    assert found == pytest.approx(HALVES * 2)


def test_history_without_ngrams_refuses_no_repeat_sampling() -> None:
    with pytest.raises(ValueError, match="no_repeat_ngram"):
        adjust(HALVES, History([1, 2]), Sampling(no_repeat_ngram=2))


def test_forked_histories_are_independent() -> None:
    history = History([1, 2, 1], 2)
    fork = history.fork(3, 1)
    history.append(4)
    history.append(1)
    assert fork.banned().tolist() == [2, 3]
    assert history.banned().tolist() == [2, 4]
    assert list(fork.recent) == [1, 2, 1, 3, 1]


# Beam search


def exhaustive(lm: BigramTable, length: int, stops: frozenset[int] = frozenset()) -> list[tuple[int, ...]]:
    """Return every continuation, best first by the length-normalized score."""
    size, found = len(lm.table), {}
    for ids in itertools.product(range(size), repeat=length):
        cut = next((place + 1 for place, word in enumerate(ids) if word in stops), length)
        pairs = zip((0, *ids[: cut - 1]), ids[:cut], strict=True)
        total = sum(lm.table[pair] for pair in pairs)
        found[ids[:cut]] = total / ((5 + cut) / 6) ** LENGTH_ALPHA
    return sorted(found, key=lambda ids: (-found[ids], ids))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("stops", [frozenset(), frozenset({2}), frozenset({0, 3}), frozenset(range(4))])
def test_a_beam_of_full_width_equals_exhaustive_search(seed: int, stops: frozenset[int]) -> None:
    lm = random_table(4, seed)
    expected = exhaustive(lm, 4, stops)
    found = beam_search(lm, 0, 4, 4**4, stop=stops.__contains__)
    assert [beam.ids for beam in found] == expected
    assert [beam.score for beam in found] == sorted((beam.score for beam in found), reverse=True)


@pytest.mark.parametrize("seed", range(4))
def test_a_beam_of_one_is_greedy_and_wider_is_no_worse(seed: int) -> None:
    lm = random_table(12, seed)
    (narrow,) = beam_search(lm, 0, 10, 1)
    assert [0, *narrow.ids] == run(lm, Sampling(), 10)
    wide = beam_search(lm, 0, 10, 8)
    assert len(wide) == len({beam.ids for beam in wide}) == 8
    assert narrow.log_prob <= wide[0].log_prob <= 0


def test_beam_search_finds_a_better_text_than_greedy() -> None:
    # 1 is likelier at once (0.6), but 2 leads to a sure word: 0.4 against 0.6 / 2.
    lm = BigramTable(logs(0, 0.6, 0.4, 0, 0.5, 0.5, 0, 0, 0, 0, 0, 1, 0.25, 0.25, 0.25, 0.25).reshape(4, 4))
    (best, *_) = beam_search(lm, 0, 2, 2)
    assert best.ids == (2, 3)
    assert best.log_prob == pytest.approx(math.log(0.4))
    assert best.score == pytest.approx(math.log(0.4) / (7 / 6) ** 0.6)


def test_beam_ties_go_to_the_lowest_ids() -> None:
    lm = BigramTable(np.log(np.full((3, 3), 1 / 3)))
    assert [beam.ids for beam in beam_search(lm, 0, 2, 4)] == [(0, 0), (0, 1), (0, 2), (1, 0)]


def test_stop_token_ends_a_beam_and_the_search_early() -> None:
    lm = BigramTable(np.tile(logs(0.04, 0.9, 0.06), (3, 1)))
    beams = beam_search(lm, 0, 50, 2, stop=lambda word: word == 1)
    assert [beam.ids for beam in beams] == [(1,), (2, 1)]
    assert lm.batches[0] == 1
    assert len(lm.batches) < 50
    assert max(lm.batches) <= 2


@pytest.mark.parametrize(("last", "best"), [(3, (2, *[3] * 19)), (1, (2, 3, 1))])
def test_a_long_beam_may_overtake_ended_ones(last: int, best: tuple[int, ...]) -> None:
    # (1) and (2, 1) end first; 3 is followed by `last` for sure, so that (2, 3, ...) loses no more as it grows.
    table = np.full((4, 4), -INF)
    table[0, 1:3], table[2, 1:4:2], table[3, last] = logs(0.37, 0.63), logs(0.5, 0.5), 0.0
    found = beam_search(BigramTable(table), 0, 20, 2, stop=lambda word: word == 1)
    assert [beam.ids for beam in found] == [best, (1,)]


def test_beams_never_contain_banned_words() -> None:
    lm = random_table(5, 0)
    for beam in beam_search(lm, 0, 6, 10, banned=[1, 3]):
        assert not {1, 3} & set(beam.ids)
    with pytest.raises(UsageError, match="expected a word to choose from, found all"):
        beam_search(lm, 0, 6, 10, banned=range(5))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_beams_never_repeat_an_ngram(n: int) -> None:
    prompt, length = [3, 0], 8 if n == 1 else 25
    sampling = Sampling(no_repeat_ngram=n, repetition_penalty=1.2)
    for beam in beam_search(random_table(12, 7), 0, length, 4, sampling=sampling, history=History(prompt, n)):
        text = ngrams([*prompt, *beam.ids], n)
        assert len(set(text)) == len(text)
        assert beam.total <= beam.log_prob


def test_beam_without_allowed_words_is_dropped() -> None:
    # Only 0 -> 1 -> 0 goes on for ever; with bigrams used up the ban is lifted, and the search still ends.
    lm = BigramTable(logs(0, 1, 1, 0).reshape(2, 2))
    (beam,) = beam_search(lm, 0, 5, 3, sampling=Sampling(no_repeat_ngram=2))
    assert beam.ids == (1, 0, 1, 0, 1)


def test_beam_search_of_zero_words_returns_the_empty_text() -> None:
    assert beam_search(random_table(3, 0), 0, 0, 2) == [Beam((), 0.0, 0.0, 0.0)]


@pytest.mark.parametrize(
    ("length", "width", "sampling", "message"),
    [
        (4, 0, Sampling(), "`beam`: expected a number between 1 and 1,000, found 0"),
        (4, 1_001, Sampling(), "`beam`: expected a number between 1 and 1,000"),
        (-1, 2, Sampling(), "`words`: expected a number between 0 and 100,000, found -1"),
        (4, 2, Sampling(temperature=0.8), "leave `temperature`, `top_k` and `top_p` out"),
    ],
)
def test_bad_beam_search_arguments_are_refused(length: int, width: int, sampling: Sampling, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        beam_search(random_table(3, 0), 0, length, width, sampling=sampling)
