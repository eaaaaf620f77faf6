"""The settings of a training run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from rnnwords.config import Config, one_of, within
from rnnwords.errors import UsageError

OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
SCHEDULES = ("constant", "cosine", "one-cycle")
PRECISIONS = ("auto", "float32", "bfloat16")
SAMPLING_ORDERS = ("shuffled", "strides")
OUTPUT_INITS = ("glorot", "normal")
SAMPLES = ("word", "tutorial", "text")
MAX_STEPS = 2**31 - 1  # of a run; TensorFlow's random numbers take the step as an int32


@dataclass(frozen=True)
class TrainingConfig(Config):
    """How a network is trained. None: chosen by `training.settings.defaults` from the size of the text."""

    RENAMED: ClassVar[Mapping[str, str]] = {
        "order": "sampling_order", "output_start": "output_init", "to_ceiling": "stop_at_max_accuracy",
    }  # fmt: skip

    seed: int = within(0, 2**32 - 1)
    batch_size: int | None = within(1, 65_536, default=None)
    optimizer: str | None = one_of(OPTIMIZERS, default=None)
    learning_rate: float | None = within(1e-8, 100.0, default=None)
    learning_rate_end: float | None = within(0.0, 100.0, default=None)  # of a cosine; None: 1 % of the highest
    schedule: str | None = one_of(SCHEDULES, default=None)
    warmup: float | None = within(0.0, 0.9, default=None)  # share of the budget
    weight_decay: float | None = within(0.0, 1.0, default=None)
    clip_norm: float | None = within(1e-6, 1e6, default=None)
    dropout: float | None = within(0.0, 0.95, default=None)
    dropout_start: float | None = within(0.0, 0.95, default=None)  # at step 0; None: `dropout` throughout
    variational: bool = False  # dropout: one mask for all time steps (Gal & Ghahramani 2016)
    weight_dropout: float | None = within(0.0, 0.95, default=None)  # of the recurrent weights
    activation_penalty: float | None = within(0.0, 100.0, default=None)  # see network.keras_regularization
    change_penalty: float | None = within(0.0, 100.0, default=None)
    teacher_share: float | None = within(0.0, 1.0, default=None)  # of the predictions of a teacher
    label_smoothing: float = within(0.0, 0.5, default=0.0)
    ema: float | None = within(0.0, 0.99999, default=None)  # decay of the running average of weights
    short_windows: float | None = within(0.0, 0.9, default=None)  # share of windows that start late
    precision: str = one_of(PRECISIONS, default="auto")
    epochs: int | None = within(1, 1_000_000, default=None)
    iterations: int | None = within(1, MAX_STEPS, default=None)
    seconds: float | None = within(1.0, 10**8, default=None)
    patience: int | None = within(1, 1_000_000, default=None)  # reports without a lower validation loss
    log_every: int | None = within(1, 10**9, default=None)  # iterations
    checkpoint_every: int | None = within(1, 10**9, default=None)  # iterations
    checkpoint_seconds: float = within(0.0, 10**8, default=300.0)
    histograms: bool = False  # of weights and gradients, for TensorBoard
    sampling_order: str = one_of(SAMPLING_ORDERS, default="shuffled")  # of windows; strides: training.batches.Strides
    output_init: str = one_of(OUTPUT_INITS, default="glorot")  # initial weights of the output layer
    stop_at_max_accuracy: bool = True  # stop when the maximum accuracy of the training text is reached
    sample: str = one_of(SAMPLES, default="word")  # what a report shows: training.task

    def __post_init__(self) -> None:
        super().__post_init__()
        budgets = [name for name in ("epochs", "iterations", "seconds") if getattr(self, name) is not None]
        if len(budgets) > 1:
            raise UsageError(f"expected one budget, found {' and '.join(f'`{name}`' for name in budgets)}; keep one")
        end, highest = self.learning_rate_end, self.learning_rate
        if end is not None and self.schedule not in (None, "cosine"):
            raise UsageError(f"`learning_rate_end`: expected `schedule` cosine, found {self.schedule}; leave one out")
        if end is not None and highest is not None and end > highest:
            raise UsageError(
                f"`learning_rate_end`: expected a number up to `learning_rate`, {highest:g}, found {end:g}"
            )

    @classmethod
    def from_json(cls, values: object) -> Self:
        """Return the settings from JSON values, also of format 1, which called the sample "tutorial" "classic"."""
        if isinstance(values, dict) and values.get("sample") == "classic":
            values = {**values, "sample": "tutorial"}
        return super().from_json(values)
