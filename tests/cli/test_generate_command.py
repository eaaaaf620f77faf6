"""Tests of `rnnwords generate`: greedy, sampled and beam-searched texts, their limits, and streams of prompts."""

import functools
import itertools
import json
import subprocess
import sys
from typing import Any

import pytest

from rnnwords.config import TextConfig
from tests.models import chain, plain_vocabulary, random_model, saved
from tests.processes import LIMIT, ask, coprocess, environment, in_terminal, killed_at_end, matched, start
from tests.texts import FABLE_TEXT

LINES = "The cat sat .\nA mouse ran .\nThe cat sat .\n"


@pytest.fixture(scope="module")
def fable(tmp_path_factory):
    return saved(chain(), tmp_path_factory.mktemp("fable"))


@pytest.fixture(scope="module")
def random(tmp_path_factory):
    """Return a model with <unk> and random weights."""
    return saved(random_model(plain_vocabulary(30, unk=True)), tmp_path_factory.mktemp("odd"))


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fable.txt").write_text(FABLE_TEXT)
    return functools.partial(ask, capsys, monkeypatch)


@pytest.fixture
def generate(command, fable):
    def generate(*arguments, stdin=None, model=fable):
        return command("generate", "--model", model, *arguments, stdin=stdin)

    return generate


@pytest.fixture
def sample(generate, random):
    return functools.partial(generate, "w1 w2", "--temperature", "1", "--quiet", model=random)


def test_the_prompt_is_printed_as_typed_before_its_continuation(generate):
    assert generate("had  a ", "-n", "3") == (0, "had  a general council to\n", "")
    assert generate("they said", "-n", "3")[1] == "they said this, had\n"
    assert generate("they said this , had  ", "-n", "1")[1] == "they said this , had  a\n"


def test_tokens_are_printed_with_spaces(generate):
    assert generate("they said", "-n", "3", "--tokens")[1] == "they said this , had\n"
    assert json.loads(generate("they said", "-n", "3", "--tokens", "--json")[1])["text"] == " this , had"


def test_json_has_the_documented_keys_of_generate(generate):
    status, out, _ = generate("had a zebra", "-n", "2", "--json", "--oov", "skip")
    answer = json.loads(out)
    assert status == 0
    assert list(answer) == ["prompt", "oov", "text", "samples"]
    assert (answer["prompt"], answer["oov"], answer["text"]) == ("had a zebra", ["zebra"], " general council")
    assert list(answer["samples"][0]) == ["text", "words", "log_probability", "score", "seed"]
    assert answer["samples"][0]["words"] == 2
    assert answer["samples"][0]["log_probability"] == pytest.approx(-0.0404, abs=1e-3)


def test_equal_seeds_give_equal_texts(sample):
    assert sample("--seed", "7")[1] == sample("--seed", "7")[1] != sample("--seed", "8")[1]


def test_a_random_seed_is_printed_and_repeats_the_text(generate, random):
    _, first, err = generate("w1", "--top-k", "9", model=random)
    seed = matched(err, r"^seed (\d+)$")[1]
    assert generate("w1", "--top-k", "9", "--seed", seed, model=random)[1] == first


def test_sample_i_has_the_seed_plus_i(sample):
    samples = json.loads(sample("--samples", "3", "--seed", "5", "--json")[1])["samples"]
    assert [sample["seed"] for sample in samples] == [5, 6, 7]
    assert len({sample["text"] for sample in samples}) == 3
    assert json.loads(sample("--seed", "7", "--json")[1])["text"] == samples[2]["text"]
    assert sample("--samples", "3", "--seed", "5")[1] == "".join(f"w1 w2{sample['text']}\n" for sample in samples)


def test_beam_search_prints_the_best_texts_first_with_scores(generate, random):
    status, out, err = generate("w1", "--beam", "4", "--samples", "3", "-n", "5", model=random)
    notes = [matched(line, r"^log-probability (\S+), score (\S+)$") for line in err.splitlines()]
    assert (status, len(out.splitlines()), len(notes)) == (0, 3, 3)
    scores = [float(note[2]) for note in notes]
    assert scores == sorted(scores, reverse=True)
    samples = json.loads(generate("w1", "--beam", "4", "--samples", "3", "-n", "5", "--json", model=random)[1])[
        "samples"
    ]
    assert [f"w1{sample['text']}" for sample in samples] == out.splitlines()
    assert [sample["score"] for sample in samples] == pytest.approx(scores, abs=1e-4)
    greedy = json.loads(generate("w1", "-n", "5", "--json", model=random)[1])["samples"][0]
    assert samples[0]["log_probability"] >= greedy["log_probability"] - 1e-5


@pytest.mark.parametrize("options", [[], ["--temperature", "2", "--seed", "1"], ["--beam", "3"]])
def test_max_overlap_limits_consecutive_copied_words(generate, options):
    text = generate("they", "-n", "25", "--tokens", "--max-overlap", "2", "--train-text", "fable.txt", *options)[1]
    words, known = text.split(), FABLE_TEXT.split()
    copied = {tuple(known[at : at + 3]) for at in range(len(known))}
    assert len(words) == 26
    assert not any(tuple(words[at : at + 3]) in copied for at in range(len(words) - 2))


def test_the_text_of_max_overlap_may_contain_unknown_words(generate, tmp_path):
    (tmp_path / "other.txt").write_text("had zebra had a zebra a general a zebra")
    status, out, _ = generate("had", "-n", "3", "--max-overlap", "1", "--train-text", "other.txt")
    assert (status, len(out.split())) == (0, 4)
    assert not out.startswith("had a ")


def test_max_overlap_without_a_training_text_is_an_error(generate):
    status, out, err = generate("had", "--max-overlap", "3")
    assert (status, out) == (2, "")
    assert "which a model file lacks; add --train-text FILE" in err
    assert generate("had", "--train-text", "fable.txt")[0] == 2
    assert generate("had", "--max-overlap", "3", "--train-text", "none.txt")[0] == 2


def test_no_repeat_ngram_prevents_repeated_pairs(generate):
    words = generate("had", "-n", "60", "--tokens", "--no-repeat-ngram", "2")[1].split()
    pairs = list(itertools.pairwise(words))
    assert len(pairs) == len(set(pairs)) == 60


def test_until_sentence_stops_after_the_end_of_a_sentence(generate):
    assert generate("they could", "--until-sentence")[1] == "they could take.\n"
    assert generate("they could", "--until-sentence", "--beam", "2")[1] == "they could take.\n"


def test_unk_is_generated_only_with_the_option(generate, tmp_path):
    model = random_model(plain_vocabulary(9, unk=True))
    model.weights["output/bias"][8] = 50
    path = saved(model, tmp_path)
    assert "<unk>" not in generate("w1", model=path)[1]
    assert "<unk>" in generate("w1", "--unk", model=path)[1]


def test_line_ends_are_kept_for_an_argument_and_with_null_but_not_per_line(generate, tmp_path):
    path = saved(chain(LINES, TextConfig(eos=True)), tmp_path)
    assert generate("The", "-n", "6", model=path)[1] == "The cat sat.\nThe cat\n"
    assert generate(stdin=b"The\nA\n", model=path)[1].startswith("The cat sat. The cat sat.")
    assert len(generate(stdin=b"The\nA\n", model=path)[1].splitlines()) == 2
    _, out, _ = generate("-0", "-n", "6", stdin=b"The\0mouse ran .\nThe", model=path)
    assert out == "The cat sat.\nThe cat\0mouse ran .\nThe cat sat.\nThe cat\0"


def test_each_line_of_stdin_gets_one_line(generate):
    status, out, err = generate("-n", "2", stdin=b"had a\n\nzebra\n")
    assert (status, err) == (0, "")
    assert out.splitlines() == ["had a general council", "had a", "zebra had a"]
    answers = [json.loads(line) for line in generate("-n", "2", "--json", stdin=b"had a\n\nzebra\n")[1].splitlines()]
    assert [answer["oov"] for answer in answers] == [[], [], ["zebra"]]


def test_a_coprocess_of_generate_is_answered_line_by_line(fable, tmp_path):
    with coprocess("generate", "--model", fable, "-n", "1", cwd=tmp_path) as ask_line:
        assert ask_line("had a") == "had a general\n"
        assert ask_line("they said") == "they said this\n"


def test_stream_prints_words_as_they_are_chosen(fable, tmp_path):
    process: Any = start("generate", "had a", "--model", fable, "-n", "10000000", "--stream", cwd=tmp_path)
    with killed_at_end(process):
        assert process.stdout.read(200).startswith("had a general council")  # long before it ends


def test_generate_ends_silently_with_141_when_the_pipe_closes(fable, tmp_path):
    command = f"'{sys.executable}' -m rnnwords generate had --model '{fable}' -n 1000000 --stream"
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -c 20; echo ${{PIPESTATUS[0]}}"], cwd=tmp_path, env=environment(),
        capture_output=True, text=True, timeout=LIMIT, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout == "had a general council"[:20] + "141\n"


@pytest.mark.parametrize("option", ["--stream", "--no-stream"])
def test_text_on_a_terminal_wraps_between_words(fable, tmp_path, option):
    status, seen = in_terminal("generate", "had a", "--model", fable, "-n", "40", option, cwd=tmp_path, columns=30)
    lines = seen.decode().replace("\r", "").splitlines()
    assert status == 0
    assert all(len(line) <= 30 for line in lines)
    assert " ".join(lines).startswith("had a general council to")


def test_without_a_prompt_on_a_terminal_the_text_begins_with_a_random_word(fable, tmp_path):
    status, seen = in_terminal("generate", "--model", fable, "-n", "3", "--seed", "1", cwd=tmp_path)
    again = in_terminal("generate", "--model", fable, "-n", "3", "--seed", "1", cwd=tmp_path)[1]
    assert status == 0
    assert seen == again
    assert seen.split()[0].decode() in FABLE_TEXT.split()


def test_control_characters_are_escaped_unless_raw(generate, tmp_path):
    path = saved(chain("see \x1b]52;c;x see \x1b]52;c;x"), tmp_path)
    assert "\x1b" not in generate("see", "-n", "4", model=path)[1]
    assert "\x1b]" in generate("see", "-n", "4", "--raw", model=path)[1]


def test_unknown_words_of_the_prompt_are_an_error_without_unk_and_a_note_with_it(generate, random):
    status, out, err = generate("had generals")
    assert (status, out) == (2, "")
    assert "'generals' is not in" in err
    assert "similar words: general" in err
    status, _, err = generate("w1 w11x", model=random)
    assert status == 0
    assert err.startswith("'w11x' is not in")
    assert generate("w1 w11x", "--quiet", model=random)[2] == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--temperature", "0"], "--temperature: expected a number between 0.001 and 100"),
        (["--temperature", "-1"], "--temperature: expected a number between 0.001 and 100"),
        (["--temperature", "nan"], "--temperature: expected a number between 0.001 and 100"),
        (["--top-k", "0"], "--top-k: expected a whole number between 1 and 1,000,000, found 0"),
        (["--top-p", "1.5"], "--top-p: expected a number between 0.001 and 1"),
        (["-n", "-1"], "-n: expected a whole number between 1 and 10,000,000, found -1"),
        (["--beam", "0"], "--beam: expected a whole number between 1 and 1,000"),
        (["--samples", "0"], "--samples: expected a whole number between 1 and 10,000"),
        (["--max-overlap", "0"], "--max-overlap: expected a whole number between 1 and 50"),
        (["--repetition-penalty", "0.5"], "--repetition-penalty: expected a number between 1 and 100"),
        (["--seed", "-1"], "--seed: expected a whole number between 0 and 4,294,967,295"),
        (
            ["--beam", "3", "--temperature", "1"],
            "expected --beam or sampling, found --beam and --temperature; leave one out",
        ),
        (["--beam", "3", "--samples", "4"], "--samples: expected at most 3, the width of --beam, found 4"),
        (["--samples", "2"], "--samples: expected sampling or --beam, found neither"),
    ],
)
def test_invalid_options_of_generate_fail_before_the_model_is_read(generate, options, message):
    status, out, err = generate("had", *options, model="/nowhere")
    assert (status, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert "/nowhere" not in err
