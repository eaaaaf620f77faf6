"""TensorBoard logs, written synchronously: a full disk gives one warning and does not stop the run."""

import contextlib
import os
import re
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.histogram.metadata import create_summary_metadata
from tensorboard.plugins.hparams import summary_v2 as hparams
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util.tensor_util import make_tensor_proto

from rnnwords.errors import SaveError
from rnnwords.files import reason
from rnnwords.saving import open_new, replace_file

PROJECTED_WORDS = 2_000  # the most frequent ones; more would make the projector page slow and unreadable
_NAME = re.compile(r"events\.out\.tfevents\.([0-9]{1,20})\.")


class EventLog:
    """An event file that starts after `step`: TensorBoard drops later steps of earlier files, from before a resume."""

    def __init__(self, directory: Path, step: int, warn: Callable[[str], None]) -> None:
        """`warn` is called once if the events cannot be written."""
        self._directory, self._warn = directory, warn
        self._writer: Any = None
        try:
            directory.mkdir(parents=True, exist_ok=True)
            # TensorBoard reads files in the order of their names; this one must be the last, also with a wrong clock.
            earlier = [int(match[1]) + 1 for item in directory.iterdir() if (match := _NAME.match(item.name))]
            number = max([int(time.time()), *earlier])
            name = f"events.out.tfevents.{number:010}.{socket.gethostname()}.{os.getpid()}.{step}"
            self._stream = os.fdopen(open_new(directory / name), "wb")
            self._writer = RecordWriter(self._stream)
        except OSError as error:
            self._give_up(error)
        self._write(event_pb2.Event(file_version="brain.Event:2"))
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._write(event_pb2.Event(session_log=start, step=step + 1))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Add a point to each curve."""
        summary = summary_pb2.Summary()
        for tag, number in values.items():
            summary.value.add(tag=tag, simple_value=number)
        self._write(event_pb2.Event(summary=summary, step=step))

    def text(self, step: int, tag: str, text: str) -> None:
        """Add a text to the page Text."""
        self._write(event_pb2.Event(summary=text_pb(tag, text), step=step))

    def histograms(self, step: int, values: Mapping[str, NDArray[np.float32]]) -> None:
        """Add a histogram of 30 equal bins for each name."""
        summary = summary_pb2.Summary()
        for tag, numbers in values.items():
            counts, edges = np.histogram(numbers, bins=30)
            bins = make_tensor_proto(np.stack([edges[:-1], edges[1:], counts], axis=1), dtype=np.float64)
            summary.value.add(tag=tag, metadata=create_summary_metadata(None, None), tensor=bins)
        self._write(event_pb2.Event(summary=summary, step=step))

    def hyperparameters(self, values: Mapping[str, Any]) -> None:
        """Add the settings of the run to the page HParams."""
        plain = {name: value for name, value in values.items() if isinstance(value, bool | int | float | str)}
        summary = hparams.hparams_pb(plain, trial_id=str(self._directory).encode("utf-8", "replace").decode())
        self._write(event_pb2.Event(summary=summary_pb2.Summary.FromString(summary.SerializeToString())))

    def embedding(self, vectors: NDArray[np.float32], words: Sequence[str]) -> None:
        """Write the embeddings of at most PROJECTED_WORDS words, labelled, for the page Projector."""
        if self._writer is None:  # the logs cannot be written
            return
        vectors, words = vectors[:PROJECTED_WORDS], words[:PROJECTED_WORDS]
        labels = "\n".join(word.replace("\t", " ") for word in words) + "\n"
        rows = "\n".join("\t".join(f"{number:.5g}" for number in row) for row in vectors) + "\n"
        config = 'embeddings { tensor_name: "word embedding" tensor_path: "embedding.tsv" metadata_path: "words.tsv" }'
        files = {"words.tsv": labels, "embedding.tsv": rows, "projector_config.pbtxt": f"{config}\n"}
        try:
            for name, text in files.items():
                replace_file(self._directory / name, [text.encode()], follow_links=False)
        except SaveError as error:
            self._warn(f"{error}; training continues without it")

    def graph(self, serialized: bytes) -> None:
        """Add the graph of a training step, a serialized GraphDef."""
        self._write(event_pb2.Event(graph_def=serialized))

    def _write(self, event: Any) -> None:
        if self._writer is None:
            return
        event.wall_time = time.time()
        try:
            self._writer.write(event.SerializeToString())
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        if self._writer is not None:
            self._writer = None
            with contextlib.suppress(OSError):  # closing tries to write again
                self._stream.close()
        self._warn(f"cannot write the logs for TensorBoard ({reason(error)}); training continues without them")

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer = None
            with contextlib.suppress(OSError):  # nothing is lost: each event was flushed
                self._stream.close()
