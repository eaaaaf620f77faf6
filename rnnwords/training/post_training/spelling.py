"""Post-training step: spelling model of unknown words, for figures in bits per character."""

import dataclasses
from collections.abc import Generator

from rnnwords.errors import CorpusError
from rnnwords.lm.spelling import SpellingModel
from rnnwords.model_file import Model
from rnnwords.tensor_file import DeferredTensors
from rnnwords.training.events import Note
from rnnwords.training.post_training.texts import PostTrainingTexts


def add_spelling(model: Model, texts: PostTrainingTexts) -> Generator[Note, None, Model]:
    """Return the model with a spelling model of the words of the training text, if it has none and needs one.

    A vocabulary without <unk> does not: unknown words have no probability. Nothing is fitted, so no validation text is
    necessary. If a large text has changed since it was read, the model has no spelling model, with a note.
    """
    if model.spelling is not None or model.series or model.vocabulary.unk_id is None:
        return model
    if texts.base and texts.base.model.spelling is not None and texts.base.words > len(texts.train):
        return dataclasses.replace(model, spelling=texts.base.model.spelling)  # of more words
    try:
        spelling = SpellingModel.train(texts.word_counts(), model.vocabulary.words)
    except CorpusError as error:
        yield Note(f"no spelling model, so no bits per character: {error}")
        return model
    if spelling is None:
        return model
    tensors = spelling.to_tensors()
    size = sum(tensor.nbytes for tensor in tensors.values())
    return dataclasses.replace(model, spelling=DeferredTensors(size, lambda: tensors))
