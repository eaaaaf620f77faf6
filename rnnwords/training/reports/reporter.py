"""What a run leaves to be looked at: a line of history a report, and the curves, samples and tables of TensorBoard."""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np

from rnnwords.network.recurrent import Floats
from rnnwords.text.corpus import Streams, Strides, Windows
from rnnwords.training.checkpoint import RunDirectory
from rnnwords.training.events import Position, Report
from rnnwords.training.optimization.steps import Steps
from rnnwords.training.reports.tensorboard import EventLog
from rnnwords.training.task import Subject


class Reporter:
    """Reports of one session of a run, from where its position is."""

    def __init__(
        self,
        directory: RunDirectory,
        subject: Subject,
        data: Windows | Strides | Streams,
        steps: Steps,
        position: Position,
        warn: Callable[[str], None],
    ) -> None:
        """`warn` hears what cannot be written."""
        self.directory, self.subject, self.data, self.steps, self.position = directory, subject, data, steps, position
        self.log = EventLog(directory.logs, position.step, warn)

    def begun(self) -> None:
        """The first steps were made: the graph is there."""
        self.log.graph(self.steps.graph())
        self.log.hyperparameters({**self.steps.config.to_json(), **self.steps.training.to_json()})

    def report(self, learning_rate: float, norms: Floats, speed: float) -> Report:
        """Report on the steps since the last report. Of the last step: its rate, the norms of the gradients by weight,
        and the speed in words a second."""
        position, training = self.position, self.steps.training
        held_out = position.evaluated if self.subject.held_out is not None else None
        figures = self.subject.figures(position.losses / position.steps, position.hits / position.steps)
        generator = np.random.default_rng([training.seed, position.step])
        report = Report(
            position.step,
            position.step / self.data.steps,
            figures["loss"],
            figures.get("accuracy"),
            learning_rate,
            held_out[0] if held_out else None,
            held_out[1] if held_out else None,
            self.subject.sample(self.steps.export(), generator),
            speed,
        )
        position.reported()
        self.directory.append_history(asdict(report))
        curves = {**figures, "learning rate": learning_rate, "words a second": speed}
        if held_out:
            curves |= {f"held-out/{name}": number for name, number in self.subject.figures(*held_out).items()}
        names = self.steps.config.shapes()
        curves |= {f"gradient norm/{name}": float(norm) for name, norm in zip(names, norms, strict=True)}
        self.log.scalars(position.step, curves)
        self.log.text(position.step, "sample", report.sample)
        if training.histograms:
            self.log.histograms(position.step, {f"weights/{k}": v for k, v in self.steps.network.export().items()})
            gradients = self.steps.gradients(self.data.batches(position.step - 1, 1)[0])
            self.log.histograms(position.step, {f"gradients/{k}": v for k, v in gradients.items()})
        return report

    def ended(self) -> None:
        """Training is done: the words' vectors are what they will be."""
        if self.subject.labels:
            self.log.embedding(self.steps.export()["embedding/embeddings"], self.subject.labels)

    def close(self) -> None:
        """Write no more."""
        self.log.close()
