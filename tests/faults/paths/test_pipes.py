"""Row 46: FIFOs in the place of a text or of an output."""

import os
import signal
import subprocess
import threading
import time

import pytest

from tests.processes import LIMIT, here, killed_at_end, only_error, rnnwords, start
from tests.texts import FABLE


def test_row_46_build_vocab_writes_to_a_pipe_without_replacing_it(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", "pipe"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    with killed_at_end(reader):
        done = rnnwords("build-vocab", FABLE, "-o", "pipe", "--quiet", cwd=tmp_path)
        out, _ = reader.communicate(timeout=LIMIT)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(out.splitlines()) == 113
    assert (tmp_path / "pipe").is_fifo()
    only_error(rnnwords("build-vocab", FABLE, "-o", ".", cwd=tmp_path), 1, "could not write to|could not save")
    only_error(rnnwords("build-vocab", FABLE, "-o", "none/x.tsv", cwd=tmp_path), 1, "could not save none/x.tsv: ")


@pytest.mark.serial
@pytest.mark.parametrize("arguments", [["build-vocab", "pipe"], ["build-vocab", str(FABLE), "-o", "pipe"]])
def test_row_46_waiting_for_the_other_end_of_a_pipe_can_be_interrupted(arguments, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    process = start(*arguments, cwd=tmp_path)
    with killed_at_end(process):
        time.sleep(1.5)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
    assert os.listdir(tmp_path) == ["pipe"]


def test_row_46_a_pipe_with_a_writer_is_a_text(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(FABLE.read_bytes()))
    writer.start()
    assert here("build-vocab", "pipe", "-o", "words.tsv", cwd=tmp_path) == 0
    writer.join()
    assert (tmp_path / "words.tsv").stat().st_size > 900
