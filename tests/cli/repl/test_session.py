"""The interactive mode without a screen: exact transcripts over a fake predictor whose transitions are known."""

import io
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rnnwords.cli.output.terminal import is_safe, masked, safe
from rnnwords.cli.repl.command import run_repl
from rnnwords.cli.repl.commands import COMMANDS, answer, parse, percent
from rnnwords.cli.repl.session import CONTEXT, Session, Settings, Step, end_of
from rnnwords.config import TextConfig
from rnnwords.errors import ModelError
from rnnwords.text.tokenizer import pieces
from rnnwords.text.vocabulary import Vocabulary
from tests.asking import Predictor, plain_vocabulary, random_model

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


class Fake:
    """A predictor that knows `NEXT` by heart. With a seed it takes the word of that rank, by what is left of it."""

    def __init__(self, extra: Sequence[str] = (), text: TextConfig | None = None, window: int | None = 2) -> None:
        words = [*WORDS, *extra]
        self.vocabulary = Vocabulary(words, [1] * len(words), text or TextConfig())
        self.window = window
        self.next = dict(NEXT)
        self.asked: list[tuple[str, str]] = []
        self.generated: list[dict[str, Any]] = []
        self.failure: BaseException | None = None

    def follow(self, words: Sequence[str]) -> dict[str, float]:
        if self.failure is not None:
            raise self.failure
        return self.next.get(words[-1] if words else "", {"said": 0.6, "they": 0.4})

    def rank(self, prompt: str, k: int = 5, *, prefix: str = "") -> list[tuple[str, float]]:
        self.asked.append((prompt, prefix))
        found = [
            (word, share)
            for word, share in self.follow(self.vocabulary.tokenize(prompt)).items()
            if word.startswith(prefix)
        ]
        total = sum(share for _, share in found)
        return [(word, share / total) for word, share in found][:k]

    def generate(self, prompt: str, n: int = 32, *, seed: int | None = None, **options: Any) -> Iterator[str]:
        self.generated.append({"prompt": prompt, "n": n, "seed": seed, **options})
        words = self.vocabulary.tokenize(prompt)

        def made() -> Iterator[str]:
            for _ in range(n):
                best = list(self.follow(words))
                words.append(best[(seed or 0) % len(best)])
                yield words[-1]

        return pieces(made(), self.vocabulary.text, before=list(words))

    def explain_steps(self, text: str, *, before: str = "") -> Iterator[tuple[str, float, list[tuple[str, float]]]]:
        words = self.vocabulary.tokenize(before)
        for word in self.vocabulary.tokenize(text):
            if word in self.vocabulary.ranks:
                follow = self.follow(words)
                yield word, follow.get(word, 0.0), list(follow.items())[:3]
                words.append(word)


def talk(lines: str, *, predictor: Fake | None = None, classic: bool = False, quiet: bool = False, **settings: Any):
    """What comes back for piped lines: standard output and standard error."""
    output, notes = io.StringIO(), io.StringIO()
    chosen = Settings(**{"words": 3, **settings})
    run_repl(
        predictor or Fake(), chosen, input=io.StringIO(lines), output=output, notes=notes, classic=classic, quiet=quiet
    )
    return output.getvalue(), notes.getvalue()


def replies(session: Session, line: str) -> list[tuple[str, str]]:
    return [(kind, text) for kind, text in answer(session, line)]


@pytest.mark.parametrize(
    ("lines", "output", "notes"),
    [
        ("", "", ""),
        ("had a\n", "general council of\n", ""),
        ("had a", "general council of\n", ""),  # no last line end
        ("had a\r\n", "general council of\n", ""),
        ("\n", "they had a\n", ""),  # an empty line: the model begins
        ("had a\n\n", "general council of\nmice. they\n", ""),  # and goes on
        ("had a\nmice\n:show\n", "general council of\n. they had\nhad a general council of mice. they had\n", ""),
        ("mice\n, a\n:show\n", ". they had\ngeneral council of\nmice. they had, a general council of\n", ""),
        (":words 1\nhad a\n", "general\n", "words 1\n"),
        (":q\nhad\n", "", ""),
        (" :quit\n", "said said said\n", "':' is not among the 13 symbols of the vocabulary\n"
         "'quit' is not among the 13 symbols of the vocabulary\n"),
        (":) had\n", "a general council\n", "':' is not among the 13 symbols of the vocabulary\n"
         "')' is not among the 13 symbols of the vocabulary\n"),
        ("had a genral mouze\n", "said said said\n",
         "'genral' is not among the 13 symbols of the vocabulary; near words: general\n"
         "'mouze' is not among the 13 symbols of the vocabulary; near words: mouse\n"),
        (":nonsense\n:t\n", "", "Error: :nonsense is no command; :help lists them\n"
         "Error: :t may be :temperature or :top-k or :top-p\n"),
        (":why\n:undo\n:save\n", "", "Error: nothing is written yet: type some words first\n"
         "Error: nothing is left to take back\nError: where to? Give a file: :save story.txt\n"),
    ],
)  # fmt: skip
def test_transcripts(lines: str, output: str, notes: str) -> None:
    assert talk(lines) == (output, notes)


def test_questions_are_answered_on_standard_output() -> None:
    output, _ = talk("had a\n:why\n:settings\n:help\n", temperature=None, words=1)
    assert output.startswith(
        "general\n"
        "had       30 %  they 70 %, had 30 %\n"
        "a         90 %  a 90 %, the 10 %\n"
        "general   60 %  general 60 %, mouse 30 %, genius 10 %\n"
        "temperature        off: the most probable word is taken\n"
        "top-k              off\n"
        "top-p              off\n"
        "repetition-penalty 1.0\n"
        "words              1\n"
        "seed               off\n"
        ":temperature 0.8           draw words by chance"
    )
    assert all(f":{name}" in output for name in COMMANDS)


def test_quiet_leaves_errors_alone() -> None:
    assert talk("xyz\n:words 2\n:words 0\n", quiet=True) == (
        "said said said\n",
        "Error: words must be between 1 and 100,000; got 0\n",
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (":temperature 0", "temperature must be between 0.001 and 100.0; got 0.0"),
        (":temperature nan", "temperature must be between 0.001 and 100.0; got nan"),
        (":temperature hot", "temperature must be a number between 0.001 and 100.0, or off; got 'hot'"),
        (":top-k 0", "top-k must be between 1 and 1,000,000; got 0"),
        (":top_p 1.5", "top-p must be between 0.001 and 1.0; got 1.5"),
        (":words 1.5", "words must be a whole number between 1 and 100,000, or off; got '1.5'"),
        (":seed -1", "seed must be between 0 and 4,294,967,295; got -1"),
        (":repetition-penalty 0.5", "repetition-penalty must be between 1.0 and 100.0; got 0.5"),
    ],
)
def test_settings_out_of_range(line: str, message: str) -> None:
    session = Session(Fake(), Settings())
    before = session.settings
    assert replies(session, line) == [("error", message)]
    assert session.settings == before


def test_settings_reach_the_predictor() -> None:
    predictor = Fake()
    talk(":temp 0.5\n:top-k 2\n:top-p 0.5\n:rep 2\n:seed 8\nhad\n\n:seed 8\n:temp off\nhad\n", predictor=predictor)
    first, second, third = predictor.generated
    assert first == {
        "prompt": "had", "n": 3, "seed": 8, "temperature": 0.5, "top_k": 2, "top_p": 0.5, "repetition_penalty": 2.0,
    }  # fmt: skip
    assert second["seed"] == 9  # another text each time, and the same ones for the same seed
    assert (third["seed"], third["temperature"]) == (8, None)


def test_a_seed_is_drawn_and_told_only_where_there_is_chance() -> None:
    predictor = Fake()
    _, notes = talk("had\n:temp 1\nhad\n:settings\n", predictor=predictor)
    told = re.fullmatch(r"temperature 1.0\nseed (\d+), drawn; it brings the same words again\n", notes)
    assert told is not None
    assert [call["seed"] for call in predictor.generated] == [None, int(told[1])]


def test_undo_takes_back_step_by_step() -> None:
    session = Session(Fake(), Settings(words=2))
    for line in ("had a", "", "the"):
        list(answer(session, line))
    texts = [session.document]
    for _ in range(5):
        replies(session, ":undo")
        texts.append(session.document)
    assert texts == [
        "had a general council of mice the said said",
        "had a general council of mice the",
        "had a general council of mice",
        "had a general council",
        "had a",
        "",
    ]
    assert replies(session, ":undo") == [("error", "nothing is left to take back")]
    list(answer(session, "had"))
    assert replies(session, ":new") == [("note", "a new text")]
    assert session.document == ""
    assert replies(session, ":undo") == [("note", "the text is: had a general")]


def test_why_explains_the_last_text_alone() -> None:
    session = Session(Fake(["zzz"]), Settings(words=1))
    list(answer(session, "had a"))
    list(answer(session, "zzz unheard of"))  # a word that the predictor leaves out
    assert [text.split()[0] for _, text in replies(session, ":why")] == ["zzz", "of", "mice"]


@pytest.mark.parametrize("reading", ["windows", "stateful"])
def test_why_explains_all_of_a_long_text_in_its_context(reading: str) -> None:
    predictor = Predictor(random_model(plain_vocabulary(30), reading=reading))
    session = Session(predictor, Settings(words=300))
    for line in ("w1 w2 w3", "w4"):
        list(answer(session, line))
    before, text = session.last_text()
    told = [reply.text.split()[:2] for reply in answer(session, ":why")]
    assert [word for word, _ in told] == ["w4", *predictor.vocabulary.tokenize(text)[1:]]
    assert len(told) == 301
    follows = dict(predictor.rank(before, 30))
    assert told[0][1] == percent(follows["w4"]).split()[0]


def test_save(tmp_path: Path) -> None:
    session = Session(Fake(), Settings(words=1))
    path = tmp_path / "a story.txt"
    list(answer(session, "had a"))
    assert replies(session, f":save {path}") == [("note", f"saved {path}: 3 words")]
    assert path.read_text() == "had a general\n"
    list(answer(session, ""))
    assert replies(session, ":save") == [("note", f"saved {path}: 4 words")]  # its own file is no stranger's
    other = tmp_path / "other"
    other.write_text("precious")
    assert replies(session, f":save {other}") == [("error", f"{other} is there already; :save! {other} replaces it")]
    assert other.read_text() == "precious"
    assert replies(session, f":save! {other}")[0][0] == "note"
    assert other.read_text() == "had a general council\n"
    for bad in (tmp_path, "a\0b", tmp_path / "no" / "such"):
        assert replies(session, f":save {bad}")[0][0] == "error"


def test_errors_of_the_predictor_are_one_line_and_keep_step() -> None:
    predictor = Fake()
    predictor.failure = ModelError("the model is broken")
    assert talk("had\nhad\n", predictor=predictor) == ("\n\n", "Error: the model is broken\n" * 2)


def test_interrupted_generation_keeps_what_is_written() -> None:
    session = Session(Fake(), Settings(words=30))
    assert [reply.text for reply in itertools.islice(answer(session, "had a"), 2)] == [" general", " council"]
    assert session.document == "had a general council"


def test_hostile_words_are_escaped() -> None:
    predictor = Fake([HOSTILE])
    predictor.next = {"had": {HOSTILE: 1.0}, HOSTILE: {"a": 1.0}}
    output, notes = talk("had\n:why\n:show\n\x1b[31m\n", predictor=predictor, words=1)
    assert r"\x1b]52;c;aGk=\x07\u202e\x9b" in output
    assert is_safe(output)
    assert is_safe(notes)


def test_line_ends_of_the_model_stay_within_one_line_of_a_pipe() -> None:
    predictor = Fake(["<eos>"], TextConfig(eos=True))
    predictor.next = {"had": {"<eos>": 1.0}, "<eos>": {"they": 1.0}, "they": {"had": 1.0}}
    output, _ = talk("had\n:show\n", predictor=predictor)
    assert output == " they had\nhad\nthey had\n".lstrip()


def test_bytes_that_are_no_text() -> None:
    lines = io.TextIOWrapper(io.BytesIO(b"had \xe9 a\n\x00 a\nhad\xe2\x80\xa8a\n"))
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="")
    run_repl(Fake(), Settings(words=1), input=lines, output=output, notes=io.StringIO(), quiet=True)
    output.seek(0)
    assert output.read() == "general\n" * 3


def test_classic() -> None:
    lines = "had a\nhad\nhad xyz\n\nhad a\n"
    assert talk(lines, classic=True, words=5) == (
        "had a general council of mice.\n" * 2,
        "2 words: 2 words: Error: 2 words are needed, marks like , and . counted; got 1\n"
        "2 words: Error: 'xyz' is not among the 13 symbols of the vocabulary\n"
        "2 words: Error: 2 words are needed, marks like , and . counted; got 0\n"
        "2 words: 2 words: \n",
    )
    output, _ = talk("they had a\n", classic=True, predictor=Fake(window=None), quiet=True)
    assert output == "they had a general council of\n"


@settings(deadline=None)
@given(st.text())
def test_safe_escapes_all_and_only_what_is_dangerous(text: str) -> None:
    assert is_safe(safe(text))
    assert safe(safe(text)) == safe(text)
    assert safe(text) == text or not is_safe(text)
    assert is_safe(masked(text))
    assert len(masked(text)) == len(text)


def test_safe() -> None:
    assert safe("a\x1b\x9b\x7f\u202e\u2067\u061c\ud800\r") == r"a\x1b\x9b\x7f\u202e\u2067\u061c\ud800\x0d"
    assert safe("the cat\n\tété 猫 \u200d") == "the cat\n\tété 猫 \u200d"


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("ab \n"), max_size=900), max_size=12), st.text(max_size=5))
def test_the_context_is_a_bounded_end_of_the_document(texts: list[str], more: str) -> None:
    steps = [Step(text, 0) for text in texts]
    document, context = "".join(texts), end_of(steps)
    assert document.endswith(context)
    assert len(context) <= CONTEXT
    assert context == document or len(context) >= CONTEXT - 1_000 - 200


@settings(deadline=None)
@given(st.text())
def test_any_line_is_answered(line: str) -> None:
    assume(parse(line) is None)  # no command: one might write files
    assert [kind for kind, _ in replies(Session(Fake(), Settings(words=2)), line)].count("word") == 2
