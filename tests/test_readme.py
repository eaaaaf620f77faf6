"""The README is true today."""

import re

from rnnwords.cli import program
from tests.readme import README, filled, generated


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
