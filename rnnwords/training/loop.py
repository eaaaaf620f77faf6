"""The training loop: steps, evaluations, reports and checkpoints, in an order that makes a run resumable bit for bit.

A checkpoint holds everything that the next step depends on, and is only written between two graph calls.
"""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Generator
from typing import Any

import numpy as np

from rnnwords.errors import ModelError, TrainingError
from rnnwords.model_file import Model
from rnnwords.training.batches import batches_of
from rnnwords.training.complete_learning import CompleteLearning
from rnnwords.training.events import Event, Finished, Saved, StepProgress, Warned
from rnnwords.training.optimization.schedule import Budget, dropout, learning_rate
from rnnwords.training.optimization.steps import Steps
from rnnwords.training.reports.reporter import Reporter
from rnnwords.training.runs.checkpoint import Checkpoint, as_tensors
from rnnwords.training.runs.checkpoint_state import CheckpointState, Position
from rnnwords.training.runs.checkpoint_tensors import initial_tensors
from rnnwords.training.runs.resume import run_identity
from rnnwords.training.settings.request import StopRequest
from rnnwords.training.task import EVAL_WORDS, RunPlan

CALL_SECONDS = 0.5  # duration of a graph call: short enough to stop soon, long enough that its overhead is negligible
EXIT_SECONDS = 4.0  # that the process needs to start and to end; in a short run, at most a hundredth of it
PROBE_WORDS = 8_193  # words of a short evaluation, from which the duration of a whole one is estimated


class TrainingLoop:
    """One session of a run in its directory. `events()` trains until the end and yields what happens."""

    def __init__(
        self, plan: RunPlan, precision: str, make_steps: Callable[..., Steps] = Steps, stop: StopRequest | None = None
    ) -> None:
        """Raises TrainingError if the data is too short for batch and window."""
        self.make_steps, self.stop = make_steps, stop or StopRequest()
        self.plan, self.directory, self.precision = plan, plan.directory, precision
        self.network, self.training, self.task = network, training, task = plan.network, plan.training, plan.task()
        self.identity = run_identity(plan.settings, training.to_json(), precision)
        self.position = plan.position or Position()
        self.warnings: list[str] = []
        self.data = batches_of(network, training, task.train)
        if self.data.steps < 1:
            batch, strides = training.batch_size or 1, training.sampling_order == "strides"
            needed = (network.window + 1) * (batch + strides) + (not strides)
            raise TrainingError(f"expected {needed:,} or more words for training, found {len(task.train):,}; add text")
        self.budget = Budget.of(training, self.data.steps)
        self.evaluate_every = min(2_000, self.data.steps if task.validation is not None else 5 * self.data.steps)
        self.log_every = training.log_every or self.evaluate_every
        if training.sampling_order == "strides":  # its epochs are short
            self.evaluate_every = self.log_every
        self.saved_loss = math.inf  # of the model that an earlier session saved: no worse one replaces it
        self.learning = CompleteLearning(task.best_possible, training, plan.settings, self.position)
        # Of post-training, which a time budget includes, unless that would leave too little for training.
        self.seconds_after = min(plan.seconds_after, (self.budget.seconds or 0.0) / 2)
        self.evaluation_seconds = self.saving_seconds = 0.0  # of the latest ones: a time budget includes the last ones

    def events(self) -> Generator[Event, None, Finished]:
        """Train. Returns the last event. Raises TrainingError (a loss that is NaN or infinite), SaveError."""
        checkpoint = self.plan.checkpoint
        self.directory.cut_history(self.position.step)
        self.teacher = self.task.teacher(self.directory.path)
        if self.teacher:
            self.steps = self.make_steps(self.network, self.training, self.precision, teacher=self.teacher)
        else:
            self.steps = self.make_steps(self.network, self.training, self.precision)
        if checkpoint:
            self.steps.restore(checkpoint.tensors)
            self.saved_loss = self._saved_loss(checkpoint)
        else:
            if self.task.vocabulary:
                self.task.vocabulary.save(self.directory.vocabulary, follow_links=False)
            if initial := self.task.initial_weights():
                self.steps.restore(self.steps.tensors() | initial_tensors(self.network, self.training, initial))
        self.reporter = Reporter(self.plan, self.task, self.data, self.steps, self.position, self.warnings.append)
        try:
            return (yield from self._train())
        finally:
            self.reporter.close()

    def _train(self) -> Generator[Event, None, Finished]:
        position = self.position
        call, reason = 1, None  # steps per graph call
        begun = (time.monotonic() if self.plan.checkpoint else self.plan.begun) - position.seconds
        saved_at = position.seconds
        if self.budget.seconds is not None:
            self.evaluation_seconds = self._estimated_evaluation_seconds()
        while reason is None:
            call_begun = time.monotonic()
            count = self._steps_until_due(call)
            rates = [self._rates(self._spent(ahead=k), position.step + k) for k in range(count)]
            if position.step % self.data.steps == 0:
                self.steps.reset_state()
                position.begin_epoch()
            ids = self.data.batches(position.step, count)
            losses, hits, norms = self.steps.run(
                ids, np.array(rates, np.float32), position.step,
                *([self.teacher.batches(position.step, count)] if self.teacher else []),
            )  # fmt: skip
            if not np.isfinite(losses).all():
                raise self._not_finite(position.step + int(np.argmin(np.isfinite(losses))) + 1)
            first = position.step == 0
            position.advance(losses.tolist(), hits.tolist())
            position.seconds = time.monotonic() - begun
            seconds = time.monotonic() - call_begun
            if not first and count >= call:  # the first call also builds the graph
                call = max(1, min(1_000, int(call * min(4.0, CALL_SECONDS / max(seconds, 1e-6)))))
            spent = self._spent()
            speed = count * ids.shape[1] * (self.network.window if self.network.stateful else 1) / seconds
            epoch = position.step / self.data.steps
            yield StepProgress(position.step, epoch, spent, float(losses[-1]), float(hits[-1]), speed)
            reason = "budget" if spent >= 1 else None
            due = position.step % self.evaluate_every == 0 and self._spent(evaluations=2) < 1  # else the last is near
            if due or reason or (position.step % self.data.steps == 0 and self.learning.is_near):
                evaluation_begun = time.monotonic()
                reason = yield from self._evaluate(reason, probe=not (due or reason))
                self.evaluation_seconds = time.monotonic() - evaluation_begun
            if position.step % self.log_every == 0 or (reason and position.steps_since_report):
                yield self.reporter.report(rates[-1][0], norms, speed)
            every = self.training.checkpoint_every
            due = (
                position.step % every == 0 if every else position.seconds - saved_at >= self.training.checkpoint_seconds
            )
            stopped = None if reason else self.stop.reason  # does not enter the position, so resuming repeats the run
            if stopped and not self.directory.model.exists():
                self.directory.save_model(self._model())
                yield Saved("model", position.step)
            if due or reason or stopped:
                position.finished = reason
                self._save()
                saved_at = position.seconds
                yield Saved("checkpoint", position.step)
            yield from (Warned(message) for message in self.warnings)
            self.warnings.clear()
            reason = reason or stopped
        self.reporter.log_embedding()
        yield from (Warned(message) for message in self.warnings)
        return Finished(reason, position.step, position.seconds, self._metrics())

    def _spent(self, evaluations: int = 1, ahead: int = 0) -> float:
        """Return the share of the budget that is spent, or will be so many steps ahead.

        The duration of a step is not known ahead. A time budget includes `evaluations` more evaluations, the last
        checkpoint and the end of the process.
        """
        end = evaluations * self.evaluation_seconds + self.saving_seconds
        end += min(EXIT_SECONDS, (self.budget.seconds or 0) / 100) + self.seconds_after
        return self.budget.spent(self.position.step + ahead, self.position.seconds + end)

    def _steps_until_due(self, call: int) -> int:
        """Return the steps of the next graph call: at most `call`, and none beyond the next report or evaluation."""
        step = self.position.step
        limits = [call, self.data.steps - step % self.data.steps]
        every = [self.log_every, self.evaluate_every, self.training.checkpoint_every]
        limits += [interval - step % interval for interval in every if interval]
        if self.budget.steps is not None:
            limits.append(self.budget.steps - step)
        return max(1, min(limits))

    def _rates(self, spent: float, step: int) -> tuple[float, float, float]:
        """Return learning rate, dropout rate and share of shortened windows of the step after `step` others."""
        rate, short = self.learning.factors(step)
        rate *= learning_rate(self.training, spent)
        return rate, dropout(self.training, spent), short * (self.training.short_windows or 0.0)

    def _evaluate(self, reason: str | None, probe: bool) -> Generator[Event, None, str | None]:
        """Evaluate on validation text, or without one on training text, and save the best model.

        A probe only counts if it reaches a stage for the first time. Returns the reason to end the run: `reason`, or
        one that the evaluation gives.
        """
        position, best = self.position, self.task.best_possible
        loss, probability, correct, count = self.steps.evaluate(self._evaluated_ids())
        if not math.isfinite(loss):
            raise self._not_finite(position.step)
        self.learning.evaluated(loss)
        stage, before = best.stage(correct, count, probability) if best else 0, self.learning.stage
        if probe and stage <= before:
            return reason
        position.last_evaluation, position.eval_words = (loss, correct / count), count
        if position.best_loss is None or stage > before or (stage == before and loss < position.best_loss):
            position.best_loss, position.best_accuracy, position.evaluations_since_best = loss, correct / count, 0
            position.best_probability = min(1.0, probability)
            if loss <= self.saved_loss or stage:
                self.directory.save_model(self._model())
                yield Saved("model", position.step)
        else:
            position.evaluations_since_best += 1
        if reason is None and stage == 2 and self.learning.ends_run:
            return "max_accuracy"
        patient = position.evaluations_since_best < (self.training.patience or math.inf)
        return reason or (None if patient else "patience")

    def _evaluated_ids(self) -> Any:
        """Return the ids (N,) that an evaluation reads: of the validation text, or without one of the training text."""
        text = self.task.train if self.task.validation is None else self.task.validation
        return np.asarray(text[0 : EVAL_WORDS + self.network.window])

    def _estimated_evaluation_seconds(self) -> float:
        """Return the estimated duration of an evaluation, from a short one; one before it builds the graph."""
        ids = self._evaluated_ids()
        probe = ids[: PROBE_WORDS + self.network.window]
        self.steps.evaluate(probe)
        begun = time.monotonic()
        self.steps.evaluate(probe)
        return (time.monotonic() - begun) * len(ids) / len(probe)

    def _not_finite(self, step: int) -> TrainingError:
        return TrainingError(
            f"expected a finite loss, found NaN or infinity in step {step:,}; earlier files are kept. Set a lower "
            f"`learning_rate` than {self.training.learning_rate:g} and `restart`"
        )

    def _saved_loss(self, checkpoint: Checkpoint) -> float:
        """Return the loss of the model if this run saved it: after kill -9 it can be newer than the checkpoint."""
        with contextlib.suppress(ModelError):
            record = Model.load(self.directory.model).training
            own = record.get("run") in (self.identity, checkpoint.state.run)
            if own and record["metrics"]["loss"] is not None:
                return float(record["metrics"]["loss"])
        return math.inf

    def _model(self) -> Model:
        record = {
            "settings": self.training.to_json(), "precision": self.precision, "corpus": self.task.digest,
            "run": self.identity, **self.task.data_record, "step": self.position.step,
            "epoch": self.position.step / self.data.steps, "metrics": self._metrics(),
        }  # fmt: skip
        return self.task.model(self.steps.export(), record)

    def _metrics(self) -> dict[str, Any]:
        """Return the metrics of the best model."""
        return self.task.metrics(self.position)

    def _save(self) -> None:
        begun = time.monotonic()
        state = CheckpointState(
            dict(self.plan.settings), dataclasses.replace(self.position), self.training, self._metrics(),
            self.identity, self.precision,
        )  # fmt: skip
        self.directory.save(Checkpoint(self.position.step, as_tensors(self.steps.tensors()), state))
        self.saving_seconds = time.monotonic() - begun
