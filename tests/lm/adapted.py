"""Models with an adaptation section, as post-training adds it."""

import dataclasses

import numpy as np

from rnnwords.config import AdaptationConfig
from rnnwords.lm.weight_updates import scale_shapes
from rnnwords.model_file import ADAPTATION_PREFIX
from tests.lm.interpolated import deferred

SEGMENT = 4


def with_adaptation(model, rate=0.03, decay=0.01, segment=SEGMENT):
    """Return the model with made-up scales of gradients and these settings."""
    random = np.random.default_rng(1)
    scales = {
        ADAPTATION_PREFIX + name: random.uniform(0.2, 0.8, shape).astype(np.float32)
        for name, shape in scale_shapes(model.network).items()
    }
    config = AdaptationConfig(rate, decay, segment, 900)
    return dataclasses.replace(model, adaptation=deferred(scales), adaptation_config=config)
