"""The README is true today."""

import json
import math
import re

import pytest

from rnnwords.cli import program
from tests.readme import README, ROOT, filled, generated


def test_generated_parts_are_up_to_date() -> None:
    readme = README.read_text()
    assert filled(readme) == readme, "run: python -m tests.readme"


def test_every_generated_part_has_its_place() -> None:
    readme = README.read_text()
    assert [name for name in generated() if f"<!-- {name} -->" not in readme] == []


def test_every_command_is_in_the_table_and_no_other() -> None:
    table = README.read_text().partition("## The commands")[2].partition("\n## ")[0]
    named = re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)
    assert sorted(named) == sorted(program.commands)


def test_options_that_the_readme_names_exist() -> None:
    known = {
        option
        for command in program.commands.values()
        for p in command.params
        for option in [*p.opts, *p.secondary_opts]
    }
    text = re.sub(r"<!-- (help|figures) -->.*?<!-- /\1 -->", "", README.read_text(), flags=re.DOTALL)
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - {"--help", "--logdir"}
    assert named
    assert sorted(named - known) == []


def test_the_numbers_of_one_prompt_add_up() -> None:
    """Of "What happens inside": its arithmetic can be checked, and what it says in words is so."""
    page = json.loads((ROOT / "benchmarks" / "results" / "inside.json").read_text())
    before = 0.0
    for step in page["unit"]["steps"]:
        assert step["before"] == before
        assert step["cell"] == pytest.approx(step["forget"] * before + step["input"] * step["candidate"], abs=2e-4)
        assert step["hidden"] == pytest.approx(step["output"] * math.tanh(step["cell"]), abs=2e-4)
        before = step["cell"]
    assert page["unit"]["product"] == pytest.approx(step["hidden"] * page["unit"]["weight"], abs=1e-4)
    told = {one["word"]: one["probability"] for one in page["explain"]["predictions"]}
    for one in page["scores"]:
        assert one["power"] == pytest.approx(math.exp(one["score"]), rel=1e-3)
        assert one["probability"] == pytest.approx(one["power"] / page["sum"], abs=1e-4)
        assert one["probability"] == pytest.approx(told.get(one["word"], one["probability"]), abs=1e-4)
    best, last = page["scores"][0]["word"], page["explain"]["without"][-1]
    assert best == page["explain"]["predictions"][0]["word"] != last["predictions"][0]["word"]
    second = [word["layers"][1] for word in page["explain"]["words"]]
    assert all(abs(layer["cell"]["mean"]) < 0.1 for layer in second)
    spreads = [layer["cell"]["spread"] for layer in second]
    assert spreads == sorted(spreads)


def test_pictures_of_the_readme_are_there_and_small() -> None:
    names = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README.read_text())
    assert names
    for name in names:
        assert 5_000 < (ROOT / name).stat().st_size < 200_000
