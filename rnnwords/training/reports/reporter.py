"""Writes the reports of a run: lines of the history, and curves, samples and tables for TensorBoard."""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np

from rnnwords.errors import SaveError
from rnnwords.network.recurrent import Floats
from rnnwords.training.batches import Streams, Strides, Windows
from rnnwords.training.events import Report
from rnnwords.training.optimization.steps import Steps
from rnnwords.training.reports.layer_graph import layer_graph
from rnnwords.training.reports.summaries import histograms, hyperparameters, scalars, text
from rnnwords.training.reports.tensorboard import EventLogs
from rnnwords.training.runs.checkpoint_state import Position
from rnnwords.training.runs.run_directory import TRAINING, VALIDATION
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
        runs = [TRAINING] if task.validation is None else [TRAINING, VALIDATION]
        self.logs = EventLogs(plan.directory.logs, runs, position.step, warn)
        if not position.step:
            self.logs.graph(layer_graph(plan.network))
            # In the run whose figures are to be compared: TensorBoard shows them in the table of the settings.
            settings = plan.network.to_json() | plan.training.to_json()
            self.logs.add(runs[-1], 0, hyperparameters(settings, str(plan.directory.path)))

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
            self.task.sample(self.steps.export(), generator),
            position.last_evaluation is not None and position.evaluations_since_best == 0, speed,
        )  # fmt: skip
        position.begin_report()
        self._append_to_history(report)
        named = zip(self.plan.network.shapes(), norms, strict=True)
        curves = {
            **figures, "training/learning rate": learning_rate, "training/words per second": speed,
            **{f"training gradient norm/{name}": float(norm) for name, norm in named},
        }  # fmt: skip
        self.logs.add(TRAINING, report.step, scalars(curves))
        self.logs.add(TRAINING, report.step, text("sample", report.sample))
        if validation:
            self.logs.add(VALIDATION, report.step, scalars(self.task.figures(*validation)))
        if training.histograms:
            weights = {f"training weights/{name}": weight for name, weight in self.steps.network.export().items()}
            gradients = self.steps.gradients(self.data.batches(report.step - 1, 1)[0])
            gradients = {f"training gradients/{name}": gradient for name, gradient in gradients.items()}
            self.logs.add(TRAINING, report.step, histograms(weights | gradients))
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
        if (vocabulary := self.task.vocabulary) and self.plan.network.input == "embedding":
            self.logs.embedding(self.steps.export()["embedding/embeddings"], vocabulary.words, vocabulary.counts)

    def close(self) -> None:
        """Close the logs."""
        self.logs.close()
