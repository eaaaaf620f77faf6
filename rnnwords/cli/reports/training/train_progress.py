"""Progress of a run: percent, epoch, time left and speed, in as much detail as a width allows."""

import time
from collections.abc import Callable

from rnnwords.cli.output.bars import bar
from rnnwords.training.events import Report, StepProgress
from rnnwords.training.settings.config import TrainingConfig

LONG_BAR, SHORT_BAR = 20, 10  # characters
MIN_SECONDS = 2.0  # of training, before the time left is estimated


class TrainProgress:
    """The progress of a run, from its latest event StepProgress; the time left is estimated from this session."""

    def __init__(self, training: TrainingConfig, unit: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`unit` is what the speed counts."""
        self.training, self.unit, self.clock = training, unit, clock
        self.best = ""  # the best evaluation, as text
        self.now = StepProgress(0, 0.0, 0.0, 0.0, 0.0, 0.0)
        self._first: tuple[float, float] | None = None  # time and spent share of the first event
        self._left: float | None = None  # seconds

    def update(self, event: StepProgress) -> None:
        """Take a new event."""
        now = self.clock()
        self.now = event
        self._first = self._first or (now, event.spent)
        begun, spent = self._first
        if self.training.seconds is not None:
            self._left = self.training.seconds * (1 - event.spent)
        elif now - begun >= MIN_SECONDS and event.spent > spent:
            self._left = (now - begun) * (1 - event.spent) / (event.spent - spent)

    @property
    def percent(self) -> str:
        """The spent share of the budget; 100 % only at its end."""
        return f"{min(100, int(100 * self.now.spent))}%"

    @property
    def place(self) -> str:
        """The present epoch or step, with the number of all where the budget counts them."""
        if self.training.iterations is not None:
            return f"step {self.now.step:,}/{self.training.iterations:,}"
        number = int(self.now.epoch) + (self.now.epoch % 1 > 0)  # the first epoch is 1, also when it is complete
        return f"epoch {max(1, number):,}" + (f"/{self.training.epochs:,}" if self.training.epochs else "")

    def line(self, width: int, filled: str, empty: str, colour: Callable[[str], str] = str) -> str:
        """Return the progress in at most `width` columns, with a bar of `filled` (in a colour) and `empty`."""
        now, left = self.now, self._time_left()
        at_most = f"at most {left}" if left and self.may_end_early else left
        percent, place, speed = f"{self.percent:>4}", self.place, f"{now.words_per_second:,.0f} {self.unit}/s"
        step, loss = ("" if self.training.iterations else f"step {now.step:,}"), f"loss {now.loss:.3f}"
        long, short = "*" * LONG_BAR, "*" * SHORT_BAR  # places of the bars
        layouts = (
            (percent, place, long, at_most, step, loss, speed, self.best),
            (percent, place, long, at_most, step, loss, speed),
            (percent, place, long, at_most, loss, speed),
            (percent, place, short, at_most, loss, speed),
            (percent, place, short, left, speed),
            (percent, place, left, speed),
            (percent, place, left),
            (percent, place),
        )
        lines = ("  ".join(part for part in parts if part) for parts in layouts)
        line = next((line for line in lines if len(line) <= width), self.percent)
        for place_of_bar in (long, short):
            blocks = bar(now.spent, len(place_of_bar), filled)
            line = line.replace(place_of_bar, colour(blocks) + empty * (len(place_of_bar) - len(blocks)))
        return line if width >= len(self.percent) else ""

    def plain(self) -> str:
        """Return percent and time left in words, without a bar: `25%, at most 12 min left`."""
        if self._left is None:
            return self.percent
        return f"{self.percent}, {'at most ' * self.may_end_early}{in_words(self._left)} left"

    def beginning_of(self, report: Report) -> tuple[str, ...]:
        """Return step, epoch and progress of a report for a plain line."""
        training = self.training
        steps = f" of {training.iterations:,}" if training.iterations else ""
        epochs = f" of {training.epochs:,}" if training.epochs else ""
        return f"step {report.step:,}{steps}", f"epoch {report.epoch:,.1f}{epochs}", self.plain()

    @property
    def may_end_early(self) -> bool:
        """Whether the run may end before its budget."""
        return self.training.patience is not None

    def _time_left(self) -> str:
        return "" if self._left is None else f"{clock_time(self._left)} left"


def clock_time(seconds: float) -> str:
    """Return a time span as on a clock.

    >>> clock_time(75), clock_time(3600), clock_time(200_000)
    ('1:15', '1:00:00', '2 d 7:33:20')
    """
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days:,} d {hours}:{minutes:02}:{rest:02}"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def in_words(seconds: float) -> str:
    """Return a time span in its largest units.

    >>> in_words(75), in_words(3700), in_words(9)
    ('1 min', '1 h 2 min', '9 s')
    """
    if seconds < 60:
        return f"{round(max(0.0, seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60:,} h {minutes % 60} min"
