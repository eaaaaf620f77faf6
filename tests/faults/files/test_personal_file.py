"""Personal files that are damaged, of somebody else, in use, on a full disk; processes that are killed."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rnnwords.errors import SaveError
from rnnwords.personal import file as personal_file
from rnnwords.personal.file import PersonalFile
from tests.models import chain, saved
from tests.processes import ask, environment, killed_at_end, small_disk, until
from tests.texts import ROOT

HEADER = '# rnnwords-personal {"version": 1, "tokenizer": "words"}\n'


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved(chain(), tmp_path_factory.mktemp("model"))


DAMAGED = {
    "a text": (b"Once upon a time\n", "expected a personal file of rnnwords, found something else"),
    "a table": (b"1\ta b\n", "expected a personal file of rnnwords, found something else"),
    "NUL": (b"\0" * 100, "expected a personal file of rnnwords, found something else"),
    "not UTF-8": (HEADER.encode() + b"1\ta\n1\t\xff\n", "line 3: expected UTF-8"),
    "no JSON": (b"# rnnwords-personal {\n", "line 1 is not valid JSON"),
    "a list": (b"# rnnwords-personal []\n", "line 1: expected version 1"),
    "a later version": (b'# rnnwords-personal {"version": 2}\n', "line 1: expected version 1, found 2"),
    "another tokenizer": (HEADER.replace('"words"', '"whitespace"').encode(), "expected words of the tokenizer words"),
    "no count": (HEADER.encode() + b"a b\n", "line 2: expected count<TAB>words with 1 to 3 words, found 'a b'"),
    "a negative count": (HEADER.encode() + b"-1\ta\n", "line 2: expected count<TAB>words"),
    "a huge count": (HEADER.encode() + b"9" * 5_000 + b"\ta\n", "line 2: expected count<TAB>words"),
    "too many words": (HEADER.encode() + b"1\ta b c d\n", "line 2: expected count<TAB>words"),
    "two spaces": (HEADER.encode() + b"1\ta  b\n", "line 2: expected count<TAB>words"),
    "no word": (HEADER.encode() + b"1\t\n", "line 2: expected count<TAB>words"),
    "a separator": (HEADER.encode() + "1\ta\u2028b\n".encode(), "line 2: expected count<TAB>words"),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGED)
def test_row_66_a_damaged_or_foreign_file_is_refused_and_never_written(capsys, monkeypatch, tmp_path, model, kind):
    content, problem = DAMAGED[kind]
    path = tmp_path / "words.tsv"
    path.write_bytes(content)
    commands: list[tuple[object, ...]] = [("repl", "--model", model)]
    if kind != "another tokenizer":
        commands += [("personal", "list"), ("personal", "forget", "a"), ("personal", "clear")]
    for command in commands:
        status, out, err = ask(capsys, monkeypatch, *command, "--personal", path, stdin=b"a new line\n")
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert err.startswith("Error: ")
        assert problem in err
        assert len(err) <= 501
    assert path.read_bytes() == content


def test_row_66_a_file_that_is_damaged_during_a_session_is_not_written(capsys, monkeypatch, tmp_path, model):
    path = tmp_path / "words.tsv"
    answered = PersonalFile.read

    def damage(self, **options):
        found = answered(self, **options)
        path.write_text("mine", encoding="utf-8")
        return found

    monkeypatch.setattr(PersonalFile, "read", damage)
    status, out, err = ask(
        capsys, monkeypatch, "repl", "--model", model, "-n", "1", "--personal", path, stdin=b"the mice\nthe cat\n"
    )
    assert (status, out.count("\n")) == (0, 2)
    assert err.count("new words are not in the personal file: expected a personal file of rnnwords") == 1
    assert path.read_text(encoding="utf-8") == "mine"


def test_row_66_an_empty_file_is_a_new_one(capsys, monkeypatch, tmp_path, model):
    path = tmp_path / "words.tsv"
    path.touch(0o600)
    assert ask(capsys, monkeypatch, "repl", "--model", model, "--personal", path, stdin=b"Zorblax\n")[0] == 0
    assert PersonalFile(path).read() == {("Zorblax",): 1}


def test_row_66_a_full_disk_loses_nothing(tmp_path):
    with small_disk(tmp_path / "disk", "size=64k") as disk:
        path = disk / "words.tsv"
        file = PersonalFile(path, "words")
        file.add({("kept",): 1})
        before = path.read_bytes()
        (disk / "large").write_bytes(b"x" * (1 << 15))
        with contextlib.suppress(OSError):
            (disk / "larger").write_bytes(b"x" * (1 << 16))
        with pytest.raises(SaveError, match="could not save"):
            file.add({(f"word{number}",): 1 for number in range(1_000)})
        assert path.read_bytes() == before
        (disk / "larger").unlink()
        (disk / "large").unlink()
        assert file.add({("new",): 1}) == {("kept",): 1, ("new",): 1}
        assert {item.name for item in disk.iterdir()} == {"words.tsv"}


def test_row_66_a_lock_that_is_held_is_an_error_and_not_a_wait(tmp_path, monkeypatch):
    monkeypatch.setattr(personal_file, "LOCK_SECONDS", 0.05)
    path = tmp_path / "words.tsv"
    file = PersonalFile(path, "words")
    file.add({("a",): 1})
    with open(path, "rb") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        with pytest.raises(SaveError, match="another process uses it"):
            file.add({("b",): 1})
    assert file.add({("b",): 1}) == {("a",): 1, ("b",): 1}


ADDING = """
import sys
from pathlib import Path
from rnnwords.personal.file import PersonalFile

file = PersonalFile(Path(sys.argv[1]), "words")
for number in range(int(sys.argv[3])):
    file.add({("both",): 1, (f"{sys.argv[2]}{number}",): 1})
    print(number, flush=True)
"""


def adding(path: Path, name: str, times: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", ADDING, str(path), name, str(times)], cwd=ROOT, env=environment(), text=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip


def test_row_66_processes_that_write_at_once_lose_no_word(tmp_path):
    path = tmp_path / "words.tsv"
    processes = [adding(path, name, 25) for name in "ab"]
    for process in processes:
        with killed_at_end(process):
            assert process.wait(60) == 0
    found = PersonalFile(path).read()
    assert found[("both",)] == 50
    assert len(found) == 51
    assert [item.name for item in tmp_path.iterdir()] == ["words.tsv"]


def test_row_66_a_killed_process_leaves_a_whole_file_and_no_lock(tmp_path):
    path = tmp_path / "words.tsv"
    process = adding(path, "a", 100_000)
    with killed_at_end(process):
        until(lambda: path.exists() and path.stat().st_size > 1_000, process)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        last = int(process.stdout.read().split()[-1])
    assert PersonalFile(path).read()[("both",)] > last
    assert PersonalFile(path, "words").add({("after",): 1})[("after",)] == 1
