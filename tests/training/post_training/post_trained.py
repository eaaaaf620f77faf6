"""Post-training of a model file on given texts."""

from rnnwords.model_file import Model
from rnnwords.training.post_training.run import PostTrainingConfig, add_post_training
from rnnwords.training.post_training.texts import PostTrainingTexts

SKIP = 3


def texts_of(train, choosing, held_out=None, digest=None):
    """Return texts of ids whose first SKIP validation words are context only."""
    return PostTrainingTexts(train, dict, choosing, held_out, SKIP, digest)


def post_train(path, texts, **config):
    """Run post-training, and return what the model file has then, and the notes."""
    notes = []
    steps = add_post_training(path, texts, PostTrainingConfig(**config))
    while True:
        try:
            notes.append(next(steps).message)
        except StopIteration:
            return Model.load(path), notes
