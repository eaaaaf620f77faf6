"""Fixtures of the tests of saving."""

from pathlib import Path

import pytest

from tests.faults.saving.system_calls import OLD
from tests.texts import write


@pytest.fixture
def target(tmp_path) -> Path:
    (tmp_path / "there").mkdir()
    return write(tmp_path / "there" / "target", OLD)
