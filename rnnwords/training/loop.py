"""The training loop: steps, evaluations, reports and checkpoints, in the order that makes a run resumable bit for bit.

Everything that the next step depends on is in a checkpoint, and the loop only ever saves between two steps. It prints
nothing: it yields events, which the command line shows.
"""

import contextlib
import math
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import numpy as np

from rnnwords.errors import ModelError, TrainingError
from rnnwords.forecasting.training import ForecastPlan
from rnnwords.model_file import Model
from rnnwords.text.corpus import Streams, Strides, Text, Windows
from rnnwords.training.checkpoint import Checkpoint, scalars
from rnnwords.training.events import Event, Finished, Position, Progress, Saved, Warned
from rnnwords.training.optimization.schedule import Budget, dropout, rate
from rnnwords.training.optimization.steps import Steps
from rnnwords.training.plan import Plan, identity
from rnnwords.training.reports.reporter import Reporter
from rnnwords.training.task import EVALUATED

CALL_SECONDS = 0.5  # how long one graph call should take: short enough to stop soon, long enough to cost nothing
LEAVING = 4.0  # seconds that the process itself takes to start and to end; in a short run, at most a hundredth of it
TRIED = 8_193  # words of a small look, by which the time of a whole one is known before the first


class Run:
    """One training run in its directory. `events()` trains until the end and yields what happens."""

    def __init__(self, plan: Plan | ForecastPlan, precision: str, make_steps: Callable[..., Steps] = Steps) -> None:
        """Raises TrainingError if the text is too short for the batch and window."""
        self.make_steps = make_steps
        self.plan, self.directory, self.subject = plan, plan.directory, plan.subject()
        self.network, self.training, self.precision = plan.network, plan.training, precision
        network, training, subject = plan.network, plan.training, self.subject
        self.identity = identity(plan.asked, training, precision)
        self.position = Position()
        self.warnings: list[str] = []
        reader = Streams if network.stateful else Strides if training.order == "strides" else Windows
        self.data = reader(subject.train, network.window, training.batch_size or 1, training.seed)
        if self.data.steps < 1:
            batch, strides = training.batch_size or 1, training.order == "strides"
            needed = (network.window + 1) * (batch + strides) + (not strides)
            raise TrainingError(f"the text has {len(subject.train):,} words for training; {needed:,} are needed")
        self.budget = Budget.of(training, self.data.steps)
        self.evaluate_every = min(2_000, self.data.steps if subject.held_out is not None else 5 * self.data.steps)
        self.log_every = training.log_every or self.evaluate_every
        if training.order == "strides":  # whose epochs are short
            self.evaluate_every = self.log_every
        self.ceiling = subject.ceiling
        self.on_disk = math.inf  # loss of the model that an earlier session left; no worse one replaces it
        self.stop: str | None = None  # set by a signal
        self.looking = self.saving = 0.0  # seconds that an evaluation and a checkpoint took last: the end needs both

    def events(self) -> Iterator[Event]:
        """Train. Raises TrainingError (a loss that is no number), SaveError."""
        found = self.plan.found
        if found:
            self.position = Position.from_json(found.state["position"])
        self.directory.cut_history(self.position.step)
        self.steps = self.make_steps(self.network, self.training, self.precision)
        if found:
            self.steps.restore(found.tensors)
            self.on_disk = self._loss_on_disk()
        else:
            self.subject.begin(self.directory.vocabulary)
            if first := self.subject.first_weights():
                self.steps.restore({**self.steps.tensors(), **{f"weights/{name}": one for name, one in first.items()}})
        self.reporter = Reporter(
            self.directory, self.subject, self.data, self.steps, self.position, self.warnings.append
        )
        try:
            yield from self._train()
        finally:
            self.reporter.close()

    def _train(self) -> Iterator[Event]:
        position = self.position
        call, reason = 1, None
        begun = (time.monotonic() if self.plan.found else self.plan.begun) - position.seconds
        saved_at = position.seconds
        if self.budget.seconds is not None:
            self.looking = self._time_of_a_look()
        while reason is None:
            called = time.monotonic()
            count = self._steps_until_due(call)
            shares = [self._spent(ahead=k) for k in range(count)]
            rates = [(rate(self.training, spent), dropout(self.training, spent)) for spent in shares]
            if position.step % self.data.steps == 0:
                self.steps.forget()
                position.begin_epoch()
            ids = self.data.batches(position.step, count)
            losses, hits, norms = self.steps.run(ids, np.array(rates, np.float32), position.step)
            if not np.isfinite(losses).all():
                raise self._no_number(position.step + int(np.argmin(np.isfinite(losses))) + 1)
            first = position.step == 0
            position.advance(losses.tolist(), hits.tolist())
            position.seconds = time.monotonic() - begun
            took = time.monotonic() - called
            if first:
                self.reporter.begun()
            elif count >= call:  # the first call also built the graph
                call = max(1, min(1_000, int(call * min(4.0, CALL_SECONDS / max(took, 1e-6)))))
            spent = self._spent()
            words = ids.shape[1] * (self.network.window if self.network.stateful else 1)
            yield Progress(position.step, spent, float(losses[-1]), float(hits[-1]), count * words / took)
            reason = "budget" if spent >= 1 else None
            at_epoch = position.step % self.data.steps == 0
            look = position.step % self.evaluate_every == 0 and self._spent(looks=2) < 1  # else the last one is near
            if look or reason or (at_epoch and self._near_ceiling()):
                looked = time.monotonic()
                reason = yield from self._evaluate(reason)
                self.looking = time.monotonic() - looked
            if position.step % self.log_every == 0 or (reason and position.steps):
                yield self.reporter.report(rates[-1][0], norms, words * count / took)
            due = position.seconds - saved_at >= self.training.checkpoint_seconds
            if every := self.training.checkpoint_every:
                due = position.step % every == 0
            stopped = None if reason else self.stop  # by a signal: what follows must be what would have been
            if stopped and not self.directory.model.exists():
                self._model().save(self.directory.model)
                yield Saved("model", position.step)
            if due or reason or stopped:
                position.finished = reason
                self._save()
                saved_at = position.seconds
                yield Saved("checkpoint", position.step)
            yield from (Warned(message) for message in self.warnings)
            self.warnings.clear()
            reason = reason or stopped
        self.reporter.ended()
        yield self._finished(reason)

    def _spent(self, looks: int = 1, ahead: int = 0) -> float:
        """The share of the budget that is spent, or will be so many steps ahead; of one of time, which no step is known
        to take, what so many looks at the held-out text, the last checkpoint and leaving will take is spent already."""
        end = looks * self.looking + self.saving + min(LEAVING, (self.budget.seconds or 0) / 100)
        return self.budget.spent(self.position.step + ahead, self.position.seconds + end)

    def _steps_until_due(self, call: int) -> int:
        """How many steps the next graph call may make: to the next point where something else is due."""
        step = self.position.step
        limits = [call, self.data.steps - step % self.data.steps]
        every = [self.log_every, self.evaluate_every, self.training.checkpoint_every]
        limits += [interval - step % interval for interval in every if interval]
        if self.budget.steps is not None:
            limits.append(self.budget.steps - step)
        return max(1, min(limits))

    def _near_ceiling(self) -> bool:
        """Whether the last epoch was so nearly right that a look at all windows is worth its time."""
        if self.ceiling is None or self.subject.held_out is not None or not self.training.to_ceiling:
            return False
        steps, hits = self.position.epoch_steps, self.position.epoch_hits
        return steps > 0 and hits / steps >= 0.85 * self.ceiling[0] / self.ceiling[1]

    def _evaluate(self, reason: str | None) -> Generator[Event, None, str | None]:
        """Look at the held-out text, or without one at the training text; keep the best model; say whether to stop."""
        position = self.position
        loss, right, count = self.steps.evaluate(self._looked_at())
        if not math.isfinite(loss):
            raise self._no_number(position.step)
        position.evaluated, position.looked = (loss, right / count), count
        there = self.subject.held_out is None and self.ceiling is not None and right >= self.ceiling[0]
        if position.best is None or loss < position.best or there:
            position.best, position.best_accuracy, position.waited = loss, right / count, 0
            if loss <= self.on_disk or there:
                self._model().save(self.directory.model)
                yield Saved("model", position.step)
        else:
            position.waited += 1
        if reason is None and there and self.training.to_ceiling and count == self.ceiling[1]:  # type: ignore[index]
            return "ceiling"
        if reason is None and position.waited >= (self.training.patience or math.inf):
            return "patience"
        return reason

    def _looked_at(self) -> Any:
        """The part of the held-out text, or without one of the training text, that a look reads: (N,) ids."""
        text: Text = self.subject.train if self.subject.held_out is None else self.subject.held_out
        return np.asarray(text[0 : EVALUATED + self.network.window])

    def _time_of_a_look(self) -> float:
        """About how many seconds a look takes, by a small one; another before it builds the graph."""
        part = self._looked_at()
        small = part[: TRIED + self.network.window]
        self.steps.evaluate(small)
        begun = time.monotonic()
        self.steps.evaluate(small)
        return (time.monotonic() - begun) * len(part) / len(small)

    def _no_number(self, step: int) -> TrainingError:
        return TrainingError(
            f"the loss of step {step:,} is not a number; nothing was saved since. Try a lower "
            f"--learning-rate than {self.training.learning_rate:g}, with --restart"
        )

    def _loss_on_disk(self) -> float:
        """The loss of the model that this run left: after kill -9 it may be of a later step than the checkpoint.
        That of another run, which --restart forgot, does not count."""
        with contextlib.suppress(ModelError):
            record = Model.load(self.directory.model).training
            if record.get("run") == self.identity and record["metrics"]["loss"] is not None:
                return float(record["metrics"]["loss"])
        return math.inf

    def _model(self) -> Model:
        record = {
            "settings": self.training.to_json(),
            "precision": self.precision,
            "corpus": self.subject.digest,
            "run": self.identity,
            **self.subject.amount,
            "step": self.position.step,
            "epoch": self.position.step / self.data.steps,
            "metrics": self.metrics(),
        }
        return self.subject.model(self.steps.export(), record)

    def metrics(self) -> dict[str, Any]:
        """The figures of the best model."""
        return self.subject.metrics(self.position.best, self.position.best_accuracy, self.position.looked)

    def _save(self) -> None:
        begun = time.monotonic()
        state = {"asked": self.plan.asked, "position": self.position.to_json(), "precision": self.precision,
                 "training": self.training.to_json(), "metrics": self.metrics()}  # fmt: skip
        self.directory.save(Checkpoint(self.position.step, scalars(self.steps.tensors()), state))
        self.saving = time.monotonic() - begun

    def _finished(self, reason: str) -> Finished:
        return Finished(reason, self.position.step, self.position.seconds, self.metrics())
