"""Tests of the interactive mode without a screen: exact transcripts with a fake model."""

import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rnnwords.cli.output.terminal import is_safe, masked, safe
from rnnwords.cli.repl.command import run_repl
from rnnwords.cli.repl.commands import COMMANDS, parse
from rnnwords.cli.repl.commands import answer as answer_command
from rnnwords.cli.repl.line_session import LineSession, Passage, end_of
from rnnwords.cli.repl.session import Reply, WritingSettings
from rnnwords.config import TextConfig
from rnnwords.errors import ModelError
from rnnwords.prediction.completions import MAX_CONTEXT, percent
from rnnwords.prediction.predictor import Predictor
from rnnwords.text.spacing.learned import learn_spacing
from rnnwords.text.vocabulary import Vocabulary
from tests.cli.repl.fake import HOSTILE, FakeModel
from tests.models import plain_vocabulary, random_model


def talk(lines: str, *, model: FakeModel | None = None, tutorial: bool = False, quiet: bool = False, **settings: Any):
    """Return stdout and stderr for piped lines."""
    output, notes = io.StringIO(), io.StringIO()
    session_settings = WritingSettings(**{"words": 3, **settings})
    run_repl(
        model or FakeModel(),
        session_settings,
        input=io.TextIOWrapper(io.BytesIO(lines.encode())),
        output=output,
        notes=notes,
        tutorial=tutorial,
        quiet=quiet,
    )
    return output.getvalue(), notes.getvalue()


def answer(session: LineSession, line: str) -> Iterator[Reply]:
    command = parse(line)
    return answer_command(session, *command) if command else session.continue_line(line)


def replies(session: LineSession, line: str) -> list[tuple[str, str]]:
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
        ("had a\n:go 2\n:go\n", "general council of\nmice.\nthey had a\n", ""),
        (":quit now\n:help me\n:undo 3\n:go x\n:restore 1\n", "", "Error: :quit: expected no argument, found 'now'\n"
         "Error: :help: expected no argument, found 'me'\nError: :undo: expected no argument, found '3'\n"
         "Error: expected a number of words, 1 to 100,000, found 'x'\n"
         "Error: unsaved texts are kept on a terminal only\n"),
        (":q\nhad\n", "", ""),
        (" :quit\n", "said said said\n", "':' is not in the vocabulary of 13 tokens\n"
         "'quit' is not in the vocabulary of 13 tokens\n"),
        (":) had\n", "a general council\n", "':' is not in the vocabulary of 13 tokens\n"
         "')' is not in the vocabulary of 13 tokens\n"),
        ("had a genral mouze\n", "said said said\n",
         "'genral' is not in the vocabulary of 13 tokens; similar words: general\n"
         "'mouze' is not in the vocabulary of 13 tokens; similar words: mouse\n"),
        (":nonsense\n:t\n", "", "Error: unknown command :nonsense; :help lists the commands\n"
         "Error: ambiguous command :t; type :temperature or :top-k or :top-p\n"),
        (":why\n:undo\n:save\n", "", "Error: the text is empty; type some words first\n"
         "Error: nothing to undo\nError: expected a file name, found none; type :save story.txt\n"),
    ],
)  # fmt: skip
def test_transcripts_of_piped_lines(lines: str, output: str, notes: str) -> None:
    assert talk(lines) == (output, notes)


def test_output_of_commands_goes_to_stdout() -> None:
    output, _ = talk("had a\n:why\n:settings\n:help\n", temperature=None, words=1)
    assert output.startswith(
        "general\n"
        "had        30 %  they 70 %, had 30 %\n"
        "a          90 %  a 90 %, the 10 %\n"
        "general    60 %  general 60 %, mouse 30 %, genius 10 %\n"
        "temperature        off: takes the most probable word\n"
        "top-k              off\n"
        "top-p              off\n"
        "repetition-penalty 1.0\n"
        "no-repeat-ngram    off\n"
        "words              1\n"
        "seed               off\n"
        ":go [WORDS]                let the model continue"
    )
    assert all(f":{name}" in output for name in COMMANDS)


def test_quiet_silences_notes_but_not_errors() -> None:
    assert talk("xyz\n:words 2\n:words 0\n", quiet=True) == (
        "said said said\n",
        "Error: :words: expected a whole number between 1 and 100,000, found 0\n",
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (":temperature 0", ":temperature: expected a number between 0.001 and 100.0, found 0.0"),
        (":temperature nan", ":temperature: expected a number between 0.001 and 100.0, found nan"),
        (":temperature hot", ":temperature: expected a number between 0.001 and 100.0, found 'hot'"),
        (":top-k 0", ":top-k: expected a whole number between 1 and 1,000,000, found 0"),
        (":top_p 1.5", ":top-p: expected a number between 0.001 and 1.0, found 1.5"),
        (":words 1.5", ":words: expected a whole number between 1 and 100,000, found '1.5'"),
        (":seed -1", ":seed: expected a whole number between 0 and 4,294,967,295, found -1"),
        (":repetition-penalty 0.5", ":repetition-penalty: expected a number between 1.0 and 100.0, found 0.5"),
    ],
)
def test_settings_out_of_range_are_errors_and_change_nothing(line: str, message: str) -> None:
    session = LineSession(FakeModel(), WritingSettings())
    before = session.settings
    assert replies(session, line) == [("error", message)]
    assert session.settings == before


def test_settings_are_passed_to_the_model() -> None:
    model = FakeModel()
    talk(":temp 0.5\n:top-k 2\n:top-p 0.5\n:rep 2\n:seed 8\nhad\n\n:seed 8\n:temp off\nhad\n", model=model)
    first, second, third = model.generated
    assert first == {
        "prompt": "had", "n": 3, "seed": 8, "temperature": 0.5, "top_k": 2, "top_p": 0.5, "repetition_penalty": 2.0,
        "no_repeat_ngram": None,
    }  # fmt: skip
    assert second["seed"] == 9  # another text each time, and the same ones for the same seed
    assert (third["seed"], third["temperature"]) == (8, None)


def test_a_random_seed_is_noted_only_when_sampling() -> None:
    model = FakeModel()
    _, notes = talk("had\n:temp 1\nhad\n:settings\n", model=model)
    seed = re.fullmatch(r"temperature 1.0\nseed (\d+); :seed \1 repeats this text\n", notes)
    assert seed is not None
    assert [call["seed"] for call in model.generated] == [None, int(seed[1])]


def test_undo_removes_one_passage_at_a_time_and_restores_the_text_before_new() -> None:
    session = LineSession(FakeModel(), WritingSettings(words=2))
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
    assert replies(session, ":undo") == [("error", "nothing to undo")]
    list(answer(session, "had"))
    assert replies(session, ":new") == [("note", "new text")]
    assert session.document == ""
    assert replies(session, ":undo") == [("note", "the text is: had a general")]


def test_why_lists_only_the_known_words_of_the_last_line() -> None:
    session = LineSession(FakeModel(["zzz"]), WritingSettings(words=1))
    list(answer(session, "had a"))
    list(answer(session, "zzz unheard of"))  # an unknown word, which is left out
    assert [text.split()[0] for _, text in replies(session, ":why")] == ["zzz", "of", "mice"]


@pytest.mark.parametrize("mode", ["windows", "stateful"])
def test_why_lists_all_of_a_long_text_with_probabilities_in_context(mode: str) -> None:
    predictor = Predictor(random_model(plain_vocabulary(30), mode=mode))
    session = LineSession(predictor, WritingSettings(words=300))
    for line in ("w1 w2 w3", "w4"):
        list(answer(session, line))
    before, text = session.last_text()
    rows = [reply.text.split()[:2] for reply in answer(session, ":why")]
    assert [word for word, _ in rows] == ["w4", *predictor.vocabulary.tokenize(text)[1:]]
    assert len(rows) == 301
    follows = dict(predictor.rank(before, 30))
    assert rows[0][1] == percent(follows["w4"]).split()[0]


def test_save_writes_new_files_and_its_own_but_replaces_others_only_on_request(tmp_path: Path) -> None:
    session = LineSession(FakeModel(), WritingSettings(words=1))
    path = tmp_path / "a story.txt"
    list(answer(session, "had a"))
    assert replies(session, f":save {path}") == [("note", f"saved {path}: 3 words")]
    assert path.read_text() == "had a general\n"
    list(answer(session, ""))
    assert replies(session, ":save") == [("note", f"saved {path}: 4 words")]  # a file that it wrote itself
    other = tmp_path / "other"
    other.write_text("precious")
    assert replies(session, f":save {other}") == [("error", f"{other} exists; :save! {other} replaces it")]
    assert other.read_text() == "precious"
    assert replies(session, f":save! {other}")[0][0] == "note"
    assert other.read_text() == "had a general council\n"
    for bad in (tmp_path, "a\0b", tmp_path / "no" / "such"):
        assert replies(session, f":save {bad}")[0][0] == "error"


def test_an_error_of_the_model_is_one_line_on_stderr_and_an_empty_answer() -> None:
    model = FakeModel()
    model.failure = ModelError("the model is broken")
    assert talk("had\nhad\n", model=model) == ("\n\n", "Error: the model is broken\n" * 2)


def test_interrupted_generation_keeps_the_words_so_far() -> None:
    session = LineSession(FakeModel(), WritingSettings(words=30))
    assert [reply.text for reply in itertools.islice(answer(session, "had a"), 2)] == [" general", " council"]
    assert session.document == "had a general council"


def test_control_characters_of_words_are_escaped() -> None:
    model = FakeModel([HOSTILE])
    model.next = {"had": {HOSTILE: 1.0}, HOSTILE: {"a": 1.0}}
    output, notes = talk("had\n:why\n:show\n\x1b[31m\n", model=model, words=1)
    assert r"\x1b]52;c;aGk=\x07\u202e\x9b" in output
    assert is_safe(output)
    assert is_safe(notes)


def test_generated_line_ends_become_spaces_in_a_pipe() -> None:
    model = FakeModel(["<eos>"], TextConfig(eos=True))
    model.next = {"had": {"<eos>": 1.0}, "<eos>": {"they": 1.0}, "they": {"had": 1.0}}
    output, _ = talk("had\n:show\n", model=model)
    assert output == " they had\nhad\nthey had\n".lstrip()


def test_invalid_bytes_of_stdin_are_replaced() -> None:
    lines = io.TextIOWrapper(io.BytesIO(b"had \xe9 a\n\x00 a\nhad\xe2\x80\xa8a\n"))
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="")
    run_repl(FakeModel(), WritingSettings(words=1), input=lines, output=output, notes=io.StringIO(), quiet=True)
    output.seek(0)
    assert output.read() == "general\n" * 3


def test_tutorial_answers_a_window_of_words_with_one_line() -> None:
    lines = "had a\nhad\nhad xyz\n\nhad a\n"
    assert talk(lines, tutorial=True, words=5) == (
        "had a general council of mice.\n" * 2,
        "2 words: 2 words: Error: expected 2 words, counting punctuation marks, found 1\n"
        "2 words: Error: 'xyz' is not in the vocabulary of 13 tokens\n"
        "2 words: Error: expected 2 words, counting punctuation marks, found 0\n"
        "2 words: 2 words: \n",
    )
    output, _ = talk("they had a\n", tutorial=True, model=FakeModel(context_size=None), quiet=True)
    assert output == "they had a general council of\n"


@settings(deadline=None)
@given(st.text())
def test_safe_escapes_exactly_the_unsafe_characters_of_any_text(text: str) -> None:
    assert is_safe(safe(text))
    assert safe(safe(text)) == safe(text)
    assert safe(text) == text or not is_safe(text)
    assert is_safe(masked(text))
    assert len(masked(text)) == len(text)


def test_safe_shows_control_characters_as_escapes() -> None:
    assert safe("a\x1b\x9b\x7f\u202e\u2067\u061c\ud800\r") == r"a\x1b\x9b\x7f\u202e\u2067\u061c\ud800\x0d"
    assert safe("the cat\n\tété 猫 \u200d") == "the cat\n\tété 猫 \u200d"


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("ab \n"), max_size=900), max_size=12), st.text(max_size=5))
def test_the_context_is_a_bounded_end_of_the_document(texts: list[str], more: str) -> None:
    passages = [Passage(text, 0) for text in texts]
    document, context = "".join(texts), end_of(passages)
    assert document.endswith(context)
    assert len(context) <= MAX_CONTEXT
    assert context == document or len(context) >= MAX_CONTEXT - 1_000 - 200


@settings(deadline=None)
@given(st.text())
def test_any_line_of_text_is_answered(line: str) -> None:
    assume(parse(line) is None)  # commands could write files
    assert [kind for kind, _ in replies(LineSession(FakeModel(), WritingSettings(words=2)), line)].count("word") == 2


def test_a_file_is_continued_by_piped_lines(tmp_path: Path) -> None:
    path = tmp_path / "story.txt"
    path.write_bytes(b"they had\r\n")
    output, notes = talk(f":open {path}\na\n:save\n")
    assert (output, notes) == ("general council of\n", f"opened {path}: 2 words\nsaved {path}: 6 words\n")
    assert path.read_bytes() == b"they had\r\na general council of\r\n"


@pytest.mark.parametrize("quotation", ["\u2018It is so,", "\u2018Why?", "home."])
def test_a_closing_quotation_mark_after_punctuation_has_no_space_before_it(quotation: str) -> None:
    text = (
        "\u2018It is so,\u2019 said he. \u2018Go home,\u2019 the fox said. "
        "\u2018Why?\u2019 asked the mouse. \u2018No.\u2019 Then he went. "
    )
    config = TextConfig()
    words = ["\u2018", "\u2019", "said", "."]
    vocabulary = Vocabulary(words, [1] * len(words), config, learn_spacing([text * 20], config))
    model = FakeModel()
    model.vocabulary = vocabulary
    session = LineSession(model, WritingSettings())
    assert session.space_before(f"He came. {quotation}", "\u2019") == ""
    assert session.space_before("He came.", "\u2018") == " "
