"""Every row of docs/faults.md has a test in this folder that is named by it, and every test here belongs to a row."""

import ast
import re
from pathlib import Path

from tests.texts import ROOT

PAGE = ROOT / "docs" / "faults.md"
HERE = Path(__file__).parent
ROWS = set(range(1, 67))
WITHOUT_ROWS = {"test_rows.py", "fuzz/test_fuzz.py"}


def rows_of_the_page() -> list[int]:
    return [int(row) for row in re.findall(r"^\| +(\d+) \| ", PAGE.read_text(encoding="utf-8"), re.MULTILINE)]


def names_of_tests() -> list[tuple[str, str]]:
    """Return file and name of each test, in this folder and below it."""
    return [
        (path.relative_to(HERE).as_posix(), node.name)
        for path in sorted(HERE.rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def row_of(name: str) -> int | None:
    """Return the row in the name of a test."""
    match = re.match(r"test_row_(\d\d)_\w", name)
    return int(match[1]) if match else None


def test_the_page_lists_each_row_once() -> None:
    assert sorted(rows_of_the_page()) == sorted(ROWS)


def test_every_row_has_a_test_that_is_named_by_it() -> None:
    assert {row_of(name) for _, name in names_of_tests()} - {None} == ROWS


def test_every_test_in_this_folder_is_named_by_a_row() -> None:
    unnamed = [(file, name) for file, name in names_of_tests() if row_of(name) is None]
    assert [(file, name) for file, name in unnamed if file not in WITHOUT_ROWS] == []
