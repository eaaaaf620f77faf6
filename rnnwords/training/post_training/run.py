"""Post-training: what is fitted to a trained network, stored in the model file.

The steps, in this order: temperature scaling; an n-gram model with interpolation weights; a spelling model of unknown
words; settings of dynamic evaluation; figures on held-out text. Each takes the model and the texts and returns the
model, the same one if that has the result of the step. The file is written after each step that changed the model, so
an interrupted post-training goes on with the step in which it stopped.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rnnwords.model_file import Model
from rnnwords.training.events import Note
from rnnwords.training.post_training.adaptation import add_adaptation
from rnnwords.training.post_training.held_out import add_held_out
from rnnwords.training.post_training.interpolation import add_interpolation
from rnnwords.training.post_training.spelling import add_spelling
from rnnwords.training.post_training.temperature_scaling import scale_temperature
from rnnwords.training.post_training.texts import PostTrainingTexts

Step = Callable[[Model, PostTrainingTexts], Generator[Note, None, Model]]


@dataclass(frozen=True)
class PostTrainingConfig:
    """What is added to a trained network. None: as the model file has it, else what can be fitted and checked."""

    order: int | None = None  # of the n-gram; 0: none
    cache: int | None = None  # words of the cache that weights are fitted for; 0: none
    calibrate: bool | None = None  # whether to apply temperature scaling


def add_post_training(path: Path, texts: PostTrainingTexts, config: PostTrainingConfig) -> Generator[Note, None, Model]:
    """Add to a model file what it lacks of `config`. Yields notes, and returns the model.

    The same model and texts give equal bytes. Raises ModelError, SaveError.
    """
    model = Model.load(path)
    steps: tuple[Step, ...] = (
        partial(scale_temperature, requested=config.calibrate),
        partial(add_interpolation, order=config.order, cache=config.cache),
        add_spelling,
        add_adaptation,
        add_held_out,
    )
    for step in steps:
        result = yield from step(model, texts)
        if result is not model:
            result.save(path, follow_links=False)
            model = result
    return model
