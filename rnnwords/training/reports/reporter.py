"""Writes the reports of a run: lines of the history, and curves, samples and tables for TensorBoard."""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np

from rnnwords.errors import SaveError
from rnnwords.network.recurrent import Floats
from rnnwords.training.batches import Streams, Strides, Windows
from rnnwords.training.checkpoint_state import Position
from rnnwords.training.events import Report
from rnnwords.training.optimization.steps import Steps
from rnnwords.training.reports.tensorboard import EventLog
from rnnwords.training.task import RunPlan, TrainingTask


class Reporter:
    """Writes the reports of one session of a run, from its position on."""

    def __init__(
        self, plan: RunPlan, task: TrainingTask, data: Windows | Strides | Streams, steps: Steps, position: Position,
        warn: Callable[[str], None],
    ) -> None:  # fmt: skip
        """`warn` is called if the history or the logs cannot be written; the training continues without them."""
        self.plan, self.task, self.data, self.steps, self.position = plan, task, data, steps, position
        self.warn, self.history_fails = warn, False
        self.log = EventLog(plan.directory.logs, position.step, warn)

    def log_graph(self) -> None:
        """Log graph and settings, after the first steps have built the graph."""
        self.log.graph(self.steps.graph())
        self.log.hyperparameters(self.plan.network.to_json() | self.plan.training.to_json())

    def report(self, learning_rate: float, norms: Floats, speed: float) -> Report:
        """Return a report on the steps since the last one, after writing it to history and logs.

        `learning_rate`, gradient `norms` by weight, and `speed` in words per second are those of the last step.
        """
        position, training = self.position, self.plan.training
        validation = position.last_evaluation if self.task.validation is not None else None
        steps = position.steps_since_report
        figures = self.task.figures(position.loss_sum / steps, position.hit_sum / steps)
        generator = np.random.default_rng([training.seed, position.step])
        report = Report(
            position.step, position.step / self.data.steps, figures["loss"], figures.get("accuracy"), learning_rate,
            validation[0] if validation else None, validation[1] if validation else None,
            self.task.sample(self.steps.export(), generator), speed,
        )  # fmt: skip
        position.begin_report()
        self._append_to_history(report)
        curves = {**figures, "learning rate": learning_rate, "words per second": speed}
        if validation:
            curves |= {f"validation/{name}": number for name, number in self.task.figures(*validation).items()}
        named = zip(self.plan.network.shapes(), norms, strict=True)
        curves |= {f"gradient norm/{name}": float(norm) for name, norm in named}
        self.log.scalars(position.step, curves)
        self.log.text(position.step, "sample", report.sample)
        if training.histograms:
            self.log.histograms(position.step, {f"weights/{k}": v for k, v in self.steps.network.export().items()})
            gradients = self.steps.gradients(self.data.batches(position.step - 1, 1)[0])
            self.log.histograms(position.step, {f"gradients/{k}": v for k, v in gradients.items()})
        return report

    def _append_to_history(self, report: Report) -> None:
        """Append a report to the history, unless this failed before: its end may then be a part of a line."""
        if not self.history_fails:
            try:
                self.plan.directory.append_history(asdict(report))
            except SaveError as error:
                self.history_fails = True
                self.warn(f"{error}; training continues without it")

    def log_embedding(self) -> None:
        """Log the embeddings of the words, at the end of training."""
        if self.task.vocabulary and self.plan.network.input == "embedding":
            self.log.embedding(self.steps.export()["embedding/embeddings"], self.task.vocabulary.words)

    def close(self) -> None:
        """Close the log."""
        self.log.close()
