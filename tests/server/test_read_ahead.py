"""A model that carries its state reads ahead between messages, so that no keystroke waits for a whole context."""

from collections.abc import Iterator
from typing import Any

import pytest

from rnnwords.lm.state_cache import MARGIN, StateCache
from rnnwords.network.recurrent import Network
from rnnwords.prediction.completions import end_of_text, step
from rnnwords.prediction.predictor import Predictor
from rnnwords.server.completion import READ_AHEAD, WORDS, characters_per_word
from rnnwords.server.loop import serve
from rnnwords.server.session import ServerSession
from rnnwords.server.settings import ServerSettings
from tests.models import log_probs_after, plain_vocabulary, random_model
from tests.server.client import Json, at, bytes_of, changed, exchange, initialize, opened, span

SIZE = 40
TYPED = 800  # letters; the start of the context moves once per 750
DRAFT = " ".join(f"w{(number * 7) % SIZE}" for number in range(700)) + " "


def counted(forward: Any, sizes: list[int]) -> Any:
    def count(network: Network, ids: Any, *rest: Any) -> Any:
        sizes.append(ids.size)
        return forward(network, ids, *rest)

    return count


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the list of the numbers of words that networks read at a time."""
    sizes: list[int] = []
    monkeypatch.setattr(Network, "forward_steps", counted(Network.forward_steps, sizes))  # which all others call
    return sizes


@pytest.mark.parametrize("cache", [0, 100])
def test_no_keystroke_reads_a_whole_context(read: list[int], cache: int) -> None:
    settings = ServerSettings(cache=cache)
    model = Predictor(random_model(plain_vocabulary(SIZE), mode="stateful"), settings, low_memory=True)
    per_answer: list[int] = []

    def arriving() -> Iterator[bytes]:
        yield bytes_of(initialize(), opened(DRAFT))
        for place in range(0, TYPED, 3):
            end = len(DRAFT) + place
            change = changed({"range": span(0, end, end), "text": DRAFT[place : place + 3]})
            yield bytes_of(change, at("completion", place, 0, end + 3))

    class Session(ServerSession):
        def answer(self, message: Any) -> bytes | None:
            read.clear()
            answer = super().answer(message)
            if message.id is not None:
                per_answer.append(sum(read))
            return answer

    serve(Session(settings, lambda chosen: model, lambda text: None), arriving(), lambda data: None)
    _, cold, *warm = per_answer
    assert cold > 0
    assert len(warm) > 250
    assert max(warm) <= MARGIN + READ_AHEAD


@pytest.mark.parametrize("cache", [0, 20])
def test_lists_are_those_of_a_server_that_reads_nothing_ahead(cache: int) -> None:
    settings = ServerSettings(cache=cache)
    model = random_model(plain_vocabulary(SIZE), mode="stateful")

    class Lazy(Predictor):
        def read_ahead(self, prompt: str, words: int) -> bool:
            return True

    def lists(kind: type[Predictor]) -> list[Json]:
        session = ServerSession(settings, lambda chosen: kind(model, settings, low_memory=True), lambda text: None)
        requests = [at("completion", place, 0, place * 37) for place in range(len(DRAFT) // 37)]
        return exchange(session, [bytes_of(initialize(), opened(DRAFT), *requests)])[0]

    assert lists(Predictor) == lists(Lazy)


@pytest.mark.parametrize("cache", [0, 20])
def test_a_state_that_was_read_ahead_equals_one_that_is_read_at_once(cache: int, read: list[int]) -> None:
    model = Predictor(random_model(plain_vocabulary(SIZE), mode="stateful"), ServerSettings(cache=cache))
    states: StateCache[Any] = StateCache(model.lm, 4)
    ids = [number * 7 % SIZE for number in range(300)]
    calls = 1
    while not states.read_ahead(ids, 32):
        calls += 1
        states.state(ids[100 : 100 + calls])  # another text in between
    assert calls == 10  # 292 words
    assert states.read_ahead(ids, 32)
    longer = [*ids, 3, 1, 4]
    read.clear()
    state = states.state(longer)
    found = model.lm.log_probs([state])
    assert sum(read) == MARGIN + 3
    assert found[0] == pytest.approx(log_probs_after(model.lm, longer), abs=1e-4)
    corrected = [*ids[:-1], 5, 9]
    assert states.read_ahead(corrected, 32)
    probabilities = model.lm.log_probs([states.state(corrected)])[0]
    assert probabilities == pytest.approx(log_probs_after(model.lm, corrected), abs=1e-4)


@pytest.mark.parametrize("limit", [300, 3_000])
def test_a_context_ahead_begins_where_that_of_a_longer_text_will(limit: int) -> None:
    text = DRAFT * 3
    for length in range(0, 2 * limit, 37):
        later = end_of_text([text[: length + 50]], limit)
        ahead = end_of_text([text[:length]], limit, ahead=50)
        assert later.startswith(ahead) or not ahead
        preceding = min(length, step(limit) // 2)
        assert ahead == end_of_text([text[preceding:length]], limit, ahead=50, preceding=preceding) or length < limit


@pytest.mark.parametrize(("words", "expected"), [(["w1", "general", "ok"], 5), (["\u4e2d", "\u56fd"], 1)])
def test_characters_per_word_include_a_space_where_words_have_one(words: list[str], expected: float) -> None:
    vocabulary = plain_vocabulary(2)
    other = type(vocabulary)(words, [1] * len(words), vocabulary.text)
    assert characters_per_word(other) == pytest.approx(expected, abs=0.7)
    assert WORDS * characters_per_word(other) >= WORDS
