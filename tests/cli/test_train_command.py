"""The command `rnnwords train`: its options, its lines on stderr, its report, its display on a terminal."""

import dataclasses
import json
import math
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from rnnwords.cli import run as run_program
from rnnwords.cli.output.notes import quoted
from rnnwords.cli.reports.training.run_summary import other_settings
from rnnwords.generation.writer import GenerationRequest
from rnnwords.model_file import Model
from rnnwords.network.config import NetworkConfig
from rnnwords.prediction.predictor import Predictor
from rnnwords.training.settings.config import TrainingConfig
from tests.processes import (
    PROGRAM,
    TINY,
    contents,
    environment,
    here,
    in_terminal,
    matched,
    only_error,
    rnnwords,
    screen,
)
from tests.texts import FABLE, FABLES

SAMPLE = r"(\S+ \S+ \S+) -> (\S+) \((\S+)\)$"
QUICK = (*TINY, "--epochs", "5")
# Control characters that plain output does not have.
PLAIN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@pytest.fixture(scope="module")
def fable(tmp_path_factory):
    """Train the bundled fable with no option but a seed. Returns the finished process and its directory."""
    there = tmp_path_factory.mktemp("fable")
    return rnnwords("train", FABLE, "--seed", "1", cwd=there), there


def test_the_fable_is_learned_completely(fable):
    done, there = fable
    assert done.returncode == 0, done.stderr
    for line in (
        r"^Done after .*: the text is learned completely, within 0.3 % of the best possible\.$",
        r"^training text: accuracy 99\.0% \(199 of 201 words\), mean probability of the right word 9[89]\.\d%, ",
        r"^best possible with 3 words of context: accuracy 99\.0% \(199 of 201 words\), mean probability 99\.0%, "
        r"perplexity 1\.01$",
    ):
        matched(done.stderr, line)
    metrics = Model.load(there / "models" / "belling_the_cat" / "model.safetensors").training["metrics"]
    assert metrics["max_accuracy"] == [199, 201]
    assert metrics["accuracy"] == pytest.approx(199 / 201)
    assert metrics["mean_probability"] >= 0.99 * metrics["max_mean_probability"]
    assert metrics["max_mean_probability"] == pytest.approx(199 / 201)
    assert metrics["lowest_loss"] == pytest.approx(4 * math.log(2) / 201)
    assert metrics["lowest_loss"] < metrics["loss"] < metrics["lowest_loss"] + 0.02


def test_samples_of_the_fable_are_the_fable(fable):
    """At temperature 1; the context `the cat .` has two next words in the text, and all others there have one."""
    there = fable[1]
    predictor = Predictor.load(there / "models" / "belling_the_cat" / "model.safetensors")
    words = predictor.model.vocabulary.words
    start = "had a general council to consider what measures they could take to outwit their common enemy , the cat ."
    expected = start.split()[3:]
    written = [
        predictor.write("had a general", GenerationRequest(words=17, temperature=1.0, seed=n)) for n in range(20)
    ]
    same = [[words[id] for id in one.ids] == expected for one in written]
    assert sum(same) >= 16


def test_the_saved_model_has_the_printed_accuracy(fable):
    _, there = fable
    predictor = Predictor.load(there / "models" / "belling_the_cat")
    words = predictor.vocabulary.tokenize(FABLE.read_text(encoding="utf-8"))
    ids = predictor.vocabulary.encode(words)
    lm = predictor.lm
    states = [lm.advance(lm.initial_state(), ids[at : at + 3]) for at in range(201)]
    assert (lm.log_probs(states).argmax(axis=1) == ids[3:]).sum() == 199


def test_the_chosen_settings_are_printed(fable):
    done, _ = fable
    matched(done.stderr, r"^text: 204 words for training, none for validation; 112 tokens$")
    matched(done.stderr, r"^network: windows of 3 words, embedding \d+, 2 x lstm 512, softmax 112.*; [\d,]+ weights$")
    matched(done.stderr, r"^training: \w+ \S+ \S+, batch \d+, .*, at most epochs \d+, .*seed 1$")
    matched(done.stderr, r"^settings: precision (float32|bfloat16), short windows 0\.1$")


def test_settings_that_are_off_are_not_printed():
    windows, stateful = NetworkConfig(10), NetworkConfig(10, mode="stateful")
    training = TrainingConfig(0, optimizer="adamw", schedule="cosine", weight_decay=0.01, warmup=0.05,
                              short_windows=0.1, label_smoothing=0.2, ema=0.99)  # fmt: skip
    shared = "settings: precision bfloat16, weight decay 0.01, warm-up 0.05, short windows 0.1, label smoothing 0.2"
    assert other_settings(windows, training, "bfloat16") == f"{shared}, averaging 0.99"
    off = dataclasses.replace(training, optimizer="sgd", schedule="one-cycle", label_smoothing=0.0, ema=0.0)
    assert other_settings(stateful, off, "float32") == "settings: precision float32"


def test_the_last_learning_rate_of_a_cosine_is_printed_and_reached(tmp_path):
    rates = "--learning-rate", "0.01", "--learning-rate-end", "0.004", "--schedule", "cosine", "--warmup", "0"
    done = rnnwords("train", FABLE, *QUICK, *rates, "--log-every", "1", "--model", "run", cwd=tmp_path)
    matched(done.stderr, r"^training: \w+ 0\.01 to 0\.004 cosine, ")
    history = (tmp_path / "run" / "history.jsonl").read_text(encoding="utf-8").splitlines()
    match = [json.loads(line)["learning_rate"] for line in history]
    assert match[0] == pytest.approx(0.01)
    assert match == sorted(match, reverse=True)
    count = len(match)
    assert match[-1] == pytest.approx(0.004 + 0.006 * 0.5 * (1 + math.cos(math.pi * (count - 1) / count)), rel=1e-4)


def test_each_report_is_one_line_with_a_sample(fable):
    done, there = fable
    words = FABLE.read_text(encoding="utf-8").split()
    lines = [line for line in done.stderr.splitlines() if line.startswith("step ")]
    assert lines
    for line in lines:
        beginning = r"step \d+  epoch \d+\.\d of 500  \d+%(, at most \d+ \w+ left)?  "
        figures = r"training: loss \d+\.\d+, perplexity [\d,]+\.\d, accuracy \d+\.\d%  [\d,]+ words/s  rate \S+  "
        assert re.match(beginning + figures, line)
        sample = matched(line, SAMPLE)
        start = [at for at in range(201) if words[at : at + 3] == sample[1].split()]
        assert sample[3] in {words[at + 3] for at in start}  # the next word of the text
        assert sample[2] in words
    history = (there / "models" / "belling_the_cat" / "history.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["sample"] for line in history] == [matched(line, r"rate \S+  (.*)$")[1] for line in lines]


def test_log_lines_of_tensorflow_are_not_on_stderr(fable):
    done, there = fable
    assert done.stdout == ""
    kinds = (
        r"(text|network|training|settings|curves|next|training text): |step \d|Done after |best possible |model |seed "
    )
    for line in done.stderr.splitlines():
        assert re.match(kinds, line), line
    assert not PLAIN.search(done.stderr.encode())
    assert (there / "models" / "belling_the_cat" / "tensorflow.log").is_file()


def test_the_last_line_is_a_command_that_works(fable):
    done, there = fable
    match = matched(done.stderr.splitlines()[-1], r"^next: rnnwords (generate .*)$")
    assert match[1] == 'generate "long ago ,"'
    after = rnnwords(*shlex.split(match[1]), cwd=there)
    assert after.returncode == 0
    assert after.stdout.startswith("long ago , the mice had a general council to consider what")


def test_the_latest_model_is_the_default_of_other_commands(fable):
    _, there = fable
    assert (there / "models" / "latest").read_text(encoding="utf-8") == "belling_the_cat\n"
    done = rnnwords("predict", "had a general", "--json", cwd=there)
    assert json.loads(done.stdout)["predictions"][0]["word"] == "council"
    matched(done.stderr, r"^model models/belling_the_cat/model\.safetensors$")


def test_files_of_a_run_directory(trained):
    names = {item.name for item in trained.iterdir()}
    assert names == {
        "model.safetensors", "vocabulary.tsv", "checkpoints", "history.jsonl", "logs", "rnnwords-run", "tensorflow.log",
    }  # fmt: skip
    vocabulary = (trained / "vocabulary.tsv").read_text(encoding="utf-8").splitlines()
    assert len(vocabulary) == 113
    assert vocabulary[1] == ",\t14"


def test_json_is_one_report_on_stdout(tmp_path, capfd):
    assert here("train", FABLE, *QUICK, "--json", cwd=tmp_path) == 0
    out, err = capfd.readouterr()
    (line,) = out.splitlines()
    report = json.loads(line)
    assert report["model"] == "models/belling_the_cat/model.safetensors"
    assert (report["reason"], report["step"], report["of"]) == ("budget", 15, "training text")
    assert (report["words"], report["max_accuracy"]) == (201, [199, 201])
    assert 0 <= report["accuracy"] <= 1
    assert report["perplexity"] > 1
    assert not any(line.startswith("step ") for line in err.splitlines())


def test_quiet_prints_nothing(tmp_path, capfd):
    assert here("train", FABLE, *QUICK, "--quiet", cwd=tmp_path) == 0
    assert capfd.readouterr() == ("", "")


def test_a_random_seed_is_printed_and_gives_the_same_model(tmp_path, capfd):
    options = ["--units", "8", "--layers", "1", "--embedding", "4", "--epochs", "5", "--dropout", "0.3"]
    options += ["--precision", "float32"]
    assert run_program(["train", str(FABLE), *options, "--model", str(tmp_path / "a")]) == 0
    seed = matched(capfd.readouterr().err, r"seed (\d+)$")[1]
    assert run_program(["train", str(FABLE), *options, "--model", str(tmp_path / "b"), "--seed", seed]) == 0
    assert run_program(["train", str(FABLE), *options, "--model", str(tmp_path / "c"), "--seed", "7"]) == 0
    a, b, c = ((tmp_path / name / "model.safetensors").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_two_processes_with_one_seed_write_equal_models(trained, tmp_path):
    assert rnnwords("train", FABLE, *TINY, cwd=tmp_path).returncode == 0
    again = tmp_path / "models" / "belling_the_cat" / "model.safetensors"
    assert again.read_bytes() == (trained / "model.safetensors").read_bytes()


def test_a_tenth_of_a_larger_text_is_for_validation(tmp_path, capfd):
    options = [*TINY, "--epochs", "1", "--batch-size", "512"]
    assert run_program(["train", str(FABLES), *options, "--model", str(tmp_path / "run")]) == 0
    err = capfd.readouterr().err
    matched(
        err, r"^settings: precision float32, weight decay 0\.01, warm-up 0\.05, short windows 0\.1, averaging 0\.999$"
    )
    text = matched(
        err, r"^text: ([\d,]+) words for training, ([\d,]+) for validation, ([\d,]+) held out; ([\d,]+) tokens$"
    )
    training, *parts = (int(text[group].replace(",", "")) for group in (1, 2, 3))
    validation = sum(parts)
    assert validation == (training + validation) // 10
    figures = r"loss \d+\.\d+, perplexity [\d,.]+, accuracy [\d.]+%"
    matched(err, rf"^step .*  training: {figures}  validation: {figures}, best  ")
    matched(err, r"^validation text: accuracy [\d.]+%, perplexity [\d,.]+ \(the best, after epoch 1\.0\)$")


def test_dropout_changes_from_its_start(tmp_path, capfd):
    runs = {
        "rising": ("--dropout-start", "0", "--dropout", "0.6"),
        "off": ("--dropout", "0"),
        "level": ("--dropout", "0.6"),
    }
    losses = {}
    for name, options in runs.items():
        place = tmp_path / name
        assert run_program(["train", str(FABLE), *QUICK, *options, "--log-every", "1", "--model", str(place)]) == 0
        err = capfd.readouterr().err
        lines = (place / "history.jsonl").read_text(encoding="utf-8").splitlines()
        losses[name] = [json.loads(line)["loss"] for line in lines]
        matched(err, r"^training: .*, dropout 0 to 0\.6, " if name == "rising" else r"^training: .*, dropout [\d.]+, ")
    assert losses["rising"][0] == pytest.approx(losses["off"][0], rel=1e-5)
    assert losses["level"][0] != pytest.approx(losses["off"][0], rel=1e-3)
    assert losses["rising"][-1] != pytest.approx(losses["off"][-1], rel=1e-4)


def test_the_warmup_is_printed_and_refused_with_one_cycle(tmp_path, capfd):
    options = [*QUICK, "--schedule", "cosine", "--warmup", "0.5", "--model", str(tmp_path / "run")]
    assert run_program(["train", str(FABLE), *options]) == 0
    matched(capfd.readouterr().err, r"^settings: .*warm-up 0\.5")
    assert Model.load(tmp_path / "run" / "model.safetensors").training["settings"]["warmup"] == 0.5
    options = ["--schedule", "one-cycle", "--warmup", "0.5", "--model", str(tmp_path / "other")]
    assert run_program(["train", str(FABLE), *options]) == 2
    assert "warmup" in capfd.readouterr().err
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("split", ["0", "0.4"])
def test_metrics_name_the_evaluated_part_of_a_long_text(split, tmp_path, capfd, monkeypatch):
    from rnnwords.cli.reports.training import run_summary
    from rnnwords.training import loop

    for module in (run_summary, loop):
        monkeypatch.setattr(module, "EVAL_WORDS", 50)
    options = [*QUICK, "--validation-split", split, "--model", str(tmp_path / "run")]
    assert run_program(["train", str(FABLE), *options]) == 0
    err = capfd.readouterr().err
    if split == "0.4":
        matched(err, r"^validation text \(its first 50 words\): accuracy [\d.]+%, perplexity [\d,.]+ \(the best, ")
    else:
        match = matched(
            err,
            r"^training text \(its first 50 words\): accuracy ([\d.]+)% \((\d+) of 50 words\), mean probability of the "
            r"right word [\d.]+%, perplexity [\d.]+$",
        )
        matched(err, r"^best possible with 3 words of context: accuracy 99.0% \(199 of 201 words\), ")
        assert float(match[1]) == 2 * int(match[2])
    assert Model.load(tmp_path / "run" / "model.safetensors").training["metrics"]["words"] == 50


def test_a_text_from_standard_input_needs_a_directory(tmp_path, monkeypatch):
    with open(FABLE, encoding="utf-8") as text:
        monkeypatch.setattr("sys.stdin", text)
        assert here("train", "-", *QUICK, "--model", "models/story", cwd=tmp_path) == 0
    assert (tmp_path / "models" / "latest").read_text(encoding="utf-8") == "story\n"
    only_error(rnnwords("train", "-", *QUICK, cwd=tmp_path, input="the cat"), 2, "--model DIRECTORY")


def test_a_vocabulary_file_has_the_text_settings(tmp_path, capfd):
    vocabulary = str(tmp_path / "small.tsv")
    assert run_program(["build-vocab", str(FABLE), "--max-size", "20", "--eos", "--lowercase", "-o", vocabulary]) == 0
    assert run_program(["train", str(FABLE), *QUICK, "--vocab", vocabulary, "--model", str(tmp_path / "run")]) == 0
    model = Model.load(tmp_path / "run" / "model.safetensors")
    assert len(model.vocabulary) == 20
    assert (model.vocabulary.text.eos, model.vocabulary.text.lowercase) == (True, True)
    for options in (["--tokenizer", "whitespace"], ["--max-size", "9"]):
        new = str(tmp_path / "new")
        assert run_program(["train", str(FABLE), *QUICK, "--vocab", vocabulary, *options, "--model", new]) == 2
        matched(capfd.readouterr().err, rf"^Error: {re.escape(vocabulary)} ")


@pytest.mark.parametrize("name", ["a story.txt", "-it's $HOME `x`.txt", "m\u00e4rchen.txt"])
def test_the_printed_command_works_for_any_name_of_a_text(name, tmp_path, monkeypatch, capfd):
    (tmp_path / name).write_text("-- $x `y` \"z\" 'it' -- and so on and on -- and so forth .", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    where = f"out of {name}"
    assert run_program(["train", *QUICK, "--tokenizer", "whitespace", "--model", where, "--", name]) == 0
    match = matched(capfd.readouterr().err, r"^next: rnnwords (generate .*)$")
    done = subprocess.run(
        ["sh", "-c", f'"$@" {match[1]}', "sh", *PROGRAM], env=environment(HOME="never"), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("-- $x `y`")


def test_quoted_commands_survive_a_shell():
    words = [
        "plain",
        "two words",
        "it's",
        '"',
        "$HOME",
        "`date`",
        "a\\b",
        "!",
        "*",
        "",
        "-x",
        "m\u00e4use",
        "a;b",
        "\t",
    ]
    done = subprocess.run(["sh", "-c", f"printf '%s\\0' {quoted(words)}"], capture_output=True, text=True, check=True)
    assert done.stdout.split("\0")[:-1] == words
    assert quoted(["rnnwords", "generate", "long ago ,"]) == 'rnnwords generate "long ago ,"'


# On a terminal.


def test_a_terminal_shows_progress_that_disappears_and_a_table_that_stays(tmp_path):
    status, seen = in_terminal("train", FABLE, *TINY, "--epochs", "60", cwd=tmp_path)
    assert status == 0, seen
    shown = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", seen.decode())
    matched(shown.replace("\r", "\n"), r"^ \d+%  epoch \d+/60  [\u2501\u2500]{20}  .*loss \d+\.\d{3}  [\d,]+ words/s$")
    matched(shown.replace("\r", "\n"), r"^100%  epoch 60/60  \u2501{20}  ")
    lines = screen(seen)
    assert "\u2501" not in "".join(lines)  # the bar is gone
    assert lines[-2].startswith("next: rnnwords generate ")
    assert lines[-1] == ""
    header = next(place for place, line in enumerate(lines) if line.startswith("epoch    step    loss  perpl"))
    assert lines[header - 1].split() == [9 * "\u2500", "training", 9 * "\u2500"]
    rows = lines[header + 1 : header + 13]
    assert [row.split()[0] for row in rows] == [f"{epoch}.0" for epoch in range(5, 61, 5)]
    assert all(" -> " in row for row in rows)
    assert lines[header + 13].startswith("Done after 180 steps, ")


@pytest.mark.parametrize(
    ("changes", "columns"),
    [({"TERM": "dumb"}, 80), ({"TERM": "dumb", "LC_ALL": "C", "PYTHONUTF8": "0"}, 80)],
    ids=["dumb", "dumb, no locale"],
)
def test_plain_terminals_get_plain_text(changes, columns, tmp_path):
    (tmp_path / "m.txt").write_text("die M\u00e4use und die Katze , die M\u00e4use und der Rat .", encoding="utf-8")
    status, seen = in_terminal("train", "m.txt", *QUICK, cwd=tmp_path, env=environment(**changes), columns=columns)
    assert status == 0, seen
    assert b"\x1b" not in seen
    assert not PLAIN.search(seen)
    matched(seen.decode("utf-8").replace("\r\n", "\n"), r"^step 5 .* -> ")
    matched(seen.decode("utf-8").replace("\r\n", "\n"), r"^next: rnnwords generate ")


def test_a_narrow_terminal_shows_no_rest_of_the_bar(tmp_path):
    status, seen = in_terminal("train", FABLE, *QUICK, cwd=tmp_path, columns=20)
    assert status == 0, seen
    lines = screen(seen, 20)
    assert "\u2501" not in "".join(lines)
    assert "next: rnnwords gener" in lines


@pytest.mark.parametrize("command", ["build-vocab", "predict", "generate", "info", "eval"])
def test_every_command_works_without_a_locale(command, trained, tmp_path):
    text = tmp_path / "m\u00e4rchen.txt"
    text.write_text("the mice had a general council , M\u00e4use .", encoding="utf-8")
    arguments = {
        "build-vocab": [text], "eval": [text, "--model", trained], "info": ["--model", trained],
        "predict": ["the mice M\u00e4use", "--oov", "skip", "--model", trained],
        "generate": ["the mice M\u00e4use", "--oov", "skip", "--model", trained],
    }[command]  # fmt: skip
    env = environment(LC_ALL="C", PYTHONUTF8="0")
    for option in ([], ["--json"]):
        done = rnnwords(command, *arguments, *option, cwd=tmp_path, env=env)
        assert done.returncode == 0, done.stderr
        if command in ("build-vocab", "generate") and not (command == "build-vocab" and option):
            assert "M\u00e4use" in done.stdout
        if option:
            json.loads(done.stdout)


def test_commands_that_use_a_model_change_no_files(trained, tmp_path):
    before = contents(trained)
    for arguments in (["eval", FABLE], ["predict", "the"], ["generate", "the"], ["info"]):
        assert rnnwords(*arguments, "--model", trained, cwd=tmp_path).returncode == 0
    assert contents(trained) == before
    assert list(tmp_path.iterdir()) == []


def test_a_run_with_the_name_latest_is_refused(tmp_path):
    Path(tmp_path / "latest.txt").write_bytes(FABLE.read_bytes())
    only_error(rnnwords("train", "latest.txt", *QUICK, cwd=tmp_path), 2, "--model DIRECTORY")
