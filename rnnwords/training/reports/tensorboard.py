"""TensorBoard events, written synchronously so that a full disk is noticed, told once, and does not stop the run."""

import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorboard.compat.proto import event_pb2, graph_pb2, summary_pb2, types_pb2
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.plugins.hparams import summary_v2 as hparams
from tensorboard.summary.writer.record_writer import RecordWriter

from rnnwords.errors import SaveError
from rnnwords.files import reason, replace_file

PROJECTED = 2_000  # the commonest words; more are no help to the eye, and megabytes of text


class EventLog:
    """One event file. Opened at step S it tells TensorBoard to forget what earlier files say of later steps, so that
    the curves of a resumed run don't fold back."""

    def __init__(self, directory: Path, step: int, warn: Callable[[str], None]) -> None:
        """`warn` is told once if the events cannot be written."""
        self._warn = warn
        self._directory = directory
        self._writer: Any = None
        try:
            directory.mkdir(parents=True, exist_ok=True)
            # TensorBoard reads files in the order of their names: behind the last one, whatever the clock says.
            earlier = [int(item.name.split(".")[3]) for item in directory.glob("events.out.tfevents.[0-9]*.*")]
            number = max([int(time.time()), *(then + 1 for then in earlier)])
            name = f"events.out.tfevents.{number:010}.{socket.gethostname()}.{os.getpid()}.{step}"
            self._stream = open(directory / name, "wb")  # noqa: SIM115
            self._writer = RecordWriter(self._stream)
        except OSError as error:
            self._give_up(error)
        self._write(event_pb2.Event(file_version="brain.Event:2"))
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._write(event_pb2.Event(session_log=start, step=step + 1))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Points of curves."""
        summary = summary_pb2.Summary()
        for tag, number in values.items():
            summary.value.add(tag=tag, simple_value=number)
        self._write(event_pb2.Event(summary=summary, step=step))

    def text(self, step: int, tag: str, text: str) -> None:
        """A text, shown under Text."""
        plugin = summary_pb2.SummaryMetadata.PluginData(plugin_name="text")
        tensor = TensorProto(dtype=types_pb2.DT_STRING, string_val=[text.encode()])
        tensor.tensor_shape.dim.add(size=1)
        summary = summary_pb2.Summary()
        summary.value.add(tag=tag, metadata=summary_pb2.SummaryMetadata(plugin_data=plugin), tensor=tensor)
        self._write(event_pb2.Event(summary=summary, step=step))

    def histograms(self, step: int, values: Mapping[str, NDArray[np.float32]]) -> None:
        """Distributions of numbers, one histogram of 30 equal bins a name."""
        summary = summary_pb2.Summary()
        for tag, numbers in values.items():
            counts, edges = np.histogram(numbers, bins=30)
            bins = np.stack([edges[:-1], edges[1:], counts], axis=1).astype(np.float64)
            plugin = summary_pb2.SummaryMetadata.PluginData(plugin_name="histograms")
            tensor = TensorProto(dtype=types_pb2.DT_DOUBLE, double_val=bins.ravel().tolist())
            tensor.tensor_shape.dim.add(size=len(bins))
            tensor.tensor_shape.dim.add(size=3)
            summary.value.add(tag=tag, metadata=summary_pb2.SummaryMetadata(plugin_data=plugin), tensor=tensor)
        self._write(event_pb2.Event(summary=summary, step=step))

    def hyperparameters(self, values: Mapping[str, Any]) -> None:
        """The settings of the run, for TensorBoard's HParams page."""
        plain = {name: value for name, value in values.items() if isinstance(value, bool | int | float | str)}
        summary = hparams.hparams_pb(plain, trial_id=str(self._directory).encode("utf-8", "replace").decode())
        self._write(event_pb2.Event(summary=summary_pb2.Summary.FromString(summary.SerializeToString())))

    def embedding(self, vectors: NDArray[np.float32], words: Sequence[str]) -> None:
        """The word vectors with the words as labels, for TensorBoard's projector; at most PROJECTED of them."""
        vectors, words = vectors[:PROJECTED], words[:PROJECTED]
        labels = "\n".join(word.replace("\t", " ") for word in words) + "\n"
        rows = "\n".join("\t".join(f"{number:.5g}" for number in row) for row in vectors) + "\n"
        config = (
            'embeddings { tensor_name: "word embedding" tensor_path: "embedding.tsv" metadata_path: "words.tsv" }\n'
        )
        for name, text in (("words.tsv", labels), ("embedding.tsv", rows), ("projector_config.pbtxt", config)):
            try:
                replace_file(self._directory / name, [text.encode()])
            except SaveError as error:
                self._warn(f"{error}; training goes on without it")
                return

    def graph(self, serialized: bytes) -> None:
        """The graph of a training step, as a serialized GraphDef."""
        graph = graph_pb2.GraphDef.FromString(serialized)
        self._write(event_pb2.Event(graph_def=graph.SerializeToString()))

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
            with contextlib.suppress(OSError):  # it tries once more to write what could not be written
                self._stream.close()
        self._warn(f"TensorBoard's events cannot be written ({reason(error)}); training goes on without them")

    def close(self) -> None:
        """End the file."""
        if self._writer is not None:
            self._writer = None
            self._stream.close()
