"""Event files of TensorBoard, written synchronously: a full disk gives one warning and does not stop the run.

Training and validation are two runs of TensorBoard with the same tags, so that it draws both in one chart.
"""

import contextlib
import os
import re
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tensorboard.compat.proto import event_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

from rnnwords.errors import SaveError
from rnnwords.files import reason
from rnnwords.network.recurrent import Floats
from rnnwords.saving import in_directory, open_new, replace_file
from rnnwords.training.reports.projector import projector_files
from rnnwords.training.runs.run_directory import LOG_FILES, TRAINING

_NAME = re.compile(r"events\.out\.tfevents\.([0-9]{1,20})\.")


class EventFile:
    """An event file that starts after `step`: TensorBoard drops later steps of earlier files, from before a resume."""

    def __init__(self, directory: Path, step: int) -> None:
        """Raises OSError, as `write` does."""
        directory.mkdir(exist_ok=True)
        # TensorBoard reads files in the order of their names; this one must be the last, also with a wrong clock.
        earlier = [int(match[1]) + 1 for item in directory.iterdir() if (match := _NAME.match(item.name))]
        number = max([int(time.time()), *earlier])
        name = f"events.out.tfevents.{number:010}.{socket.gethostname()}.{os.getpid()}.{step}"
        self._stream = os.fdopen(open_new(directory / name), "wb")
        self._writer = RecordWriter(self._stream)
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        try:
            self.write(event_pb2.Event(file_version="brain.Event:2"))
            self.write(event_pb2.Event(session_log=start, step=step + 1))
        except OSError:
            self.close()
            raise

    def write(self, event: Any) -> None:
        """Write an event with the present time."""
        event.wall_time = time.time()
        self._writer.write(event.SerializeToString())
        self._stream.flush()

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(OSError):  # nothing is lost: each event was flushed; closing tries to write again
            self._stream.close()


class EventLogs:
    """The logs of a run: a directory with an event file for each session, for training and for validation."""

    def __init__(self, directory: Path, runs: Sequence[str], step: int, warn: Callable[[str], None]) -> None:
        """Begin files after `step`, named by `runs`. `warn` is called once if the events cannot be written."""
        self._directory, self._warn = directory, warn
        self._files: dict[str, EventFile] = {}
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with in_directory(directory, follow_links=False):  # a link is refused, before anything under it changes
                self._move_earlier_files()
            for run in runs:
                self._files[run] = EventFile(directory / run, step)
        except OSError as error:
            self._give_up(error)

    def _move_earlier_files(self) -> None:
        """Move the files of versions that wrote one run for all into the run of training, which continues them."""
        for item in [item for pattern in LOG_FILES for item in self._directory.glob(pattern)]:
            (self._directory / TRAINING).mkdir(exist_ok=True)
            item.rename(self._directory / TRAINING / item.name)

    def add(self, run: str, step: int, summary: Any) -> None:
        """Add a summary of `reports.summaries` to a run."""
        self._write(run, event_pb2.Event(summary=summary, step=step))

    def graph(self, serialized: bytes) -> None:
        """Add the graph of the network, a serialized GraphDef."""
        self._write(TRAINING, event_pb2.Event(graph_def=serialized))

    def embedding(self, vectors: Floats, words: Sequence[str], counts: Sequence[int]) -> None:
        """Write the embeddings (V, E) of the words, labelled, for the page Projector."""
        if not self._files:  # the logs cannot be written
            return
        try:
            for name, text in projector_files(vectors, words, counts).items():
                replace_file(self._directory / TRAINING / name, [text.encode()], follow_links=False)
        except SaveError as error:
            self._warn(f"{error}; training continues without it")

    def _write(self, run: str, event: Any) -> None:
        try:
            if run in self._files:
                self._files[run].write(event)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.close()
        self._warn(f"cannot write the logs for TensorBoard ({reason(error)}); training continues without them")

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
        self._files.clear()
