"""Tests of the documents: generated parts, links, options, commands, examples, and the rules of their language."""

import contextlib
import json
import math
import re
import shlex
from collections import Counter
from pathlib import Path

import pytest

from docs.generate import PART, PARTS, ROOT, documents, filled
from rnnwords import model_file
from rnnwords.cli import program
from rnnwords.training.runs import checkpoint
from tests.models import random_model, saved, vocabulary_of
from tests.processes import TINY, ask, rnnwords
from tests.texts import FABLE

README = ROOT / "README.md"
PAGES = [page for page in documents() if page.name not in ("CHANGELOG.md", "CONTRIBUTING.md")]
OTHER_PROGRAMS = {"--no-deps", "--help", "--logdir"}
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Words of a private dialect, and personification: CONTRIBUTING.md, "Names and text".
DIALECT = re.compile(
    r"\b(told|of late|beside|behind|stands?|anew|judg\w*|wanted|wish\w*|so many|likeliest|commonest|ceiling|looked|"
    r"speaks?|(?<!there )(?:is|are) no|held[- ]out|hold[- ]out|blend\w*|calibrated|believ\w*|"
    r"(?:words?|lines?|seconds|steps?|units) a (?:second|word|report|line|step|layer|prompt|call|setting|seed))\b",
    re.IGNORECASE,
)


def ids(pages):
    return [str(page.relative_to(ROOT)) for page in pages]


def prose(text: str) -> str:
    """Return a document without code and recorded output."""
    return re.sub(r"`[^`\n]*`", "", FENCED.sub("", text))


@pytest.mark.parametrize("page", documents(), ids=ids(documents()))
def test_generated_parts_are_up_to_date(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert filled(text) == text, "run: make docs"


def test_every_generated_part_is_used_exactly_once() -> None:
    used = Counter(part[1] for page in documents() for part in PART.findall(page.read_text(encoding="utf-8")))
    assert used == Counter(list(PARTS))


@pytest.mark.parametrize("page", documents(), ids=ids(documents()))
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_in_the_index_and_in_the_readme() -> None:
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    assert {name for name in pages if f"]({name})" not in index} == set()
    assert {name for name in pages if f"](docs/{name})" not in README.read_text(encoding="utf-8")} == set()


def test_readme_is_short_and_begins_with_a_small_picture() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 260
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", "\n".join(lines[:20]))
    assert picture == "docs/terminal.svg"


@pytest.mark.parametrize("page", documents(), ids=ids(documents()))
def test_pictures_are_small_and_fetch_nothing(page: Path) -> None:
    for name in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        picture = page.parent / name
        assert 5_000 < picture.stat().st_size < 200_000
        if picture.suffix == ".svg":
            assert re.findall(r"url\((?!#)|href|@font-face|@import", picture.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_options_that_a_page_names_exist(page: Path) -> None:
    known = {option for command in program.commands.values() for option in options_of(command)}
    text = re.sub(r"<!-- generated: command reference -->.*?<!-- end -->", "", page.read_text(encoding="utf-8"),
                  flags=re.DOTALL)  # fmt: skip
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))
    assert named - known - OTHER_PROGRAMS - {f"--{name}" for name in benchmark_options()} == set()


def options_of(command) -> list[str]:
    return [option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]]


def benchmark_options() -> set[str]:
    scripts = "".join(script.read_text(encoding="utf-8") for script in (ROOT / "benchmarks").glob("*.py"))
    return set(re.findall(r'add_argument\("--([a-z-]+)"', scripts))


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_example_commands_use_options_of_that_command(page: Path) -> None:
    for _, block in FENCED.findall(page.read_text(encoding="utf-8")):
        for line in re.findall(r"\$ .*?rnnwords (.*)", block):
            words = shlex.split(line, comments=True)
            if words and words[0] in program.commands:
                used = {word for word in words if word.startswith("--")}
                assert used <= {*options_of(program.commands[words[0]]), "--help"}, line


def test_figures_of_the_readme_are_those_of_the_benchmarks() -> None:
    measured = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    section = README.read_text(encoding="utf-8").partition("## Figures\n")[2].partition("\n## ")[0]
    figures = re.findall(r"\| ([\d.,]+)(?: (?:x|words/s|min|contexts/s|s|ms|MB))? (?=\|)", section)
    assert len(figures) > 10
    assert [
        figure for figure in figures if not re.search(rf"(?<![\d.,]){re.escape(figure)}(?![\d.,]*\d)", measured)
    ] == []


def test_model_file_page_has_the_current_versions() -> None:
    model, _, run = (ROOT / "docs" / "model-file.md").read_text(encoding="utf-8").partition("## Checkpoints")
    for text, version in ((model, model_file.VERSION), (run, checkpoint.VERSION)):
        assert re.findall(r"^\| (\d+\.\d+) \|", text, re.MULTILINE)[-1] == ".".join(map(str, version))


@pytest.mark.parametrize("page", documents(), ids=ids(documents()))
def test_prose_uses_standard_terms(page: Path) -> None:
    assert DIALECT.findall(prose(page.read_text(encoding="utf-8"))) == []


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A directory with tiny models under the names of the examples, and the texts that the examples read."""
    words = FABLE.read_text(encoding="utf-8")
    model = random_model(vocabulary_of(words))
    stateful = random_model(vocabulary_of(words), mode="stateful")
    for name, one in {"fable": model, "story": model, "novel": stateful}.items():
        (tmp_path / "models" / name).mkdir(parents=True)
        saved(one, tmp_path / "models" / name)
    for name in ("story.txt", "novel.txt", "other.txt"):
        (tmp_path / name).write_text(words, encoding="utf-8")
    return tmp_path


def python_examples(page: Path, *, tensorflow: bool) -> list[str]:
    """Return the Python examples of a page: those that train, which a comment marks, or the others."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"(<!-- needs tensorflow -->\n)?^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [code for mark, code in blocks if bool(mark) == tensorflow]


TRAINING_PAGES = [page for page in PAGES if python_examples(page, tensorflow=True)]


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_python_examples_run(page: Path, models: Path) -> None:
    names: dict[str, object] = {}
    with contextlib.chdir(models), contextlib.redirect_stdout(None):
        for code in python_examples(page, tensorflow=False):
            exec(compile(code, str(page), "exec"), names)


@pytest.mark.slow
@pytest.mark.parametrize("page", TRAINING_PAGES, ids=ids(TRAINING_PAGES))
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_python_examples_with_tensorflow_run(page: Path, models: Path) -> None:
    names: dict[str, object] = {}
    with contextlib.chdir(models), contextlib.redirect_stdout(None):
        for code in python_examples(page, tensorflow=True):
            exec(compile(code, str(page), "exec"), names)


def documented_keys(command: str) -> set[str]:
    """Return the JSON keys that docs/commands.md lists for a command."""
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    section = page.partition(f"### {command}\n")[2].partition("\n#")[0]
    return {
        key for cell in re.findall(r"^\| (`.+?`) \|", section, re.MULTILINE) for key in re.findall(r"`(\w+)`", cell)
    }


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("build-vocab", ["build-vocab", "story.txt"]),
        ("predict", ["predict", "had a general"]),
        ("generate", ["generate", "had a", "--seed", "1", "--report", "--train-text", "story.txt"]),
        ("score", ["score", "story.txt"]),
        ("score", ["score", "story.txt", "--unit", "word"]),
        ("score", ["score", "story.txt", "--unit", "line"]),
        ("score", ["score", "story.txt", "--unit", "file"]),
        ("explain", ["explain", "had a general"]),
        ("info", ["info"]),
        ("export", ["export", "story.onnx"]),
        ("eval", ["eval", "story.txt", "--by-frequency", "--calibration", "--baseline", "--train-text", "novel.txt",
                  "--compare", "models/story", "--seed", "1"]),
    ],
)  # fmt: skip
def test_json_keys_are_documented(command, arguments, models, capsys, monkeypatch) -> None:
    monkeypatch.chdir(models)
    model = [] if command == "build-vocab" else ["--model", "models/story"]
    status, out, err = ask(capsys, monkeypatch, *arguments, *model, "--json", "--quiet")
    assert status == 0, err
    keys = {key for line in out.splitlines() for key in json.loads(line)}
    assert keys - documented_keys(command) == set()


@pytest.mark.slow
@pytest.mark.parametrize("command", ["train", "forecast"])
def test_json_keys_of_training_are_documented(command: str, models: Path) -> None:
    column = "\n".join(["Open", *(f"{10 + number % 7}" for number in range(60))])
    (models / "prices.csv").write_text(column, encoding="utf-8")
    arguments: dict[str, list[str]] = {
        "train": [str(FABLE), *TINY],
        "forecast": ["prices.csv", "--window", "5", "--layers", "1", "--units", "4", "--epochs", "1", "--seed", "1"],
    }
    done = rnnwords(command, *arguments[command], "--model", "models/new", "--json", "--quiet", cwd=models)
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) - documented_keys(command) == set()


def test_the_numbers_of_the_walk_through_one_prompt_add_up() -> None:
    page = json.loads((ROOT / "benchmarks" / "results" / "inside.json").read_text(encoding="utf-8"))
    before = 0.0
    for step in page["unit"]["steps"]:
        assert step["before"] == before
        assert step["cell"] == pytest.approx(step["forget"] * before + step["input"] * step["candidate"], abs=2e-4)
        assert step["hidden"] == pytest.approx(step["output"] * math.tanh(step["cell"]), abs=2e-4)
        before = step["cell"]
    assert page["unit"]["product"] == pytest.approx(step["hidden"] * page["unit"]["weight"], abs=1e-4)
    predicted = {one["word"]: one["probability"] for one in page["explain"]["predictions"]}
    for one in page["scores"]:
        assert one["power"] == pytest.approx(math.exp(one["score"]), rel=1e-3)
        assert one["probability"] == pytest.approx(one["power"] / page["sum"], abs=1e-4)
        assert one["probability"] == pytest.approx(predicted.get(one["word"], one["probability"]), abs=1e-4)
    best, last = page["scores"][0]["word"], page["explain"]["without"][-1]
    assert best == page["explain"]["predictions"][0]["word"] != last["predictions"][0]["word"]
    second = [word["layers"][1] for word in page["explain"]["words"]]
    assert all(abs(layer["cell"]["mean"]) < 0.1 for layer in second)
    spreads = [layer["cell"]["spread"] for layer in second]
    assert spreads == sorted(spreads)
