"""A fake model for the tests of the interactive mode: its transitions are a table."""

from collections.abc import Iterator, Sequence
from typing import Any

from rnnwords.config import TextConfig
from rnnwords.personal.part import PersonalPart
from rnnwords.prediction.prefixes import fold
from rnnwords.text.vocabulary import Vocabulary

# word -> what follows it, best first
NEXT = {
    "": {"they": 0.7, "had": 0.3},
    "they": {"had": 1.0},
    "had": {"a": 0.9, "the": 0.1},
    "a": {"general": 0.6, "mouse": 0.3, "genius": 0.1},
    "general": {"council": 0.7, ",": 0.3},
    "council": {"of": 1.0},
    "of": {"mice": 1.0},
    "mice": {".": 0.9, "said": 0.0996, "mouse": 0.0004},
    ".": {"they": 1.0},
}
WORDS = ["they", "had", "a", "the", "general", "mouse", "genius", "council", "of", "mice", ".", ",", "said"]
HOSTILE = "\x1b]52;c;aGk=\x07\u202e\x9b"


class FakeModel:
    """Fake model whose transitions are `NEXT`. Generation with a seed takes the follower at that index, modulo."""

    def __init__(self, extra: Sequence[str] = (), text: TextConfig | None = None, context_size: int | None = 2) -> None:
        words = [*WORDS, *extra]
        self.vocabulary = Vocabulary(words, [1] * len(words), text or TextConfig())
        self.context_size = context_size
        self.next = dict(NEXT)
        self.ranked: list[tuple[str, str]] = []
        self.ahead: list[str] = []
        self.generated: list[dict[str, Any]] = []
        self.failure: BaseException | None = None
        self.personal: PersonalPart | None = None
        self.adaptation = None

    def learn(self, written: Any) -> None:
        raise AssertionError("there is no personal file")

    def follow(self, words: Sequence[str]) -> dict[str, float]:
        if self.failure is not None:
            raise self.failure
        return self.next.get(words[-1] if words else "", {"said": 0.6, "they": 0.4})

    def rank(self, prompt: str, k: int = 5, *, prefix: str = "") -> list[tuple[str, float]]:
        self.ranked.append((prompt, prefix))
        found = [
            (word, share)
            for word, share in self.follow(self.vocabulary.tokenize(prompt)).items()
            if fold(word).startswith(fold(prefix))
        ]
        total = sum(share for _, share in found)
        return [(word, share / total) for word, share in found][:k]

    def read_ahead(self, prompt: str, words: int) -> bool:
        self.ahead.append(prompt)
        return True

    def generate(self, prompt: str, n: int = 32, *, seed: int | None = None, **options: Any) -> Iterator[str]:
        self.generated.append({"prompt": prompt, "n": n, "seed": seed, **options})
        words = self.vocabulary.tokenize(prompt)

        def made() -> Iterator[str]:
            for _ in range(n):
                best = list(self.follow(words))
                words.append(best[(seed or 0) % len(best)])
                yield words[-1]

        return self.vocabulary.pieces(made(), before=prompt)

    def explain_steps(self, text: str, *, before: str = "") -> Iterator[tuple[str, float, list[tuple[str, float]]]]:
        words = self.vocabulary.tokenize(before)
        for word in self.vocabulary.tokenize(text):
            if word in self.vocabulary.ids:
                follow = self.follow(words)
                yield word, follow.get(word, 0.0), list(follow.items())[:3]
                words.append(word)
