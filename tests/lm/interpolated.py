"""Models with an n-gram section and interpolation weights, as post-training adds them."""

import dataclasses

from rnnwords.config import FittedInterpolation, InterpolationWeights
from rnnwords.lm.interpolation import bin_count
from rnnwords.lm.ngram.kneser_ney import KneserNey
from rnnwords.tensor_file import DeferredTensors
from rnnwords.text.tokens.tokenizer import EOS
from tests.texts import CATS

OTHER = "the dog sat , the zebra saw a cat .\nzebra quagga\nthe cat , the cat sat and hens sat on a mat .\n"
ORDER = 3
BY_COUNT = tuple(round(0.05 + 0.9 * number / (bin_count(ORDER) - 1), 4) for number in range(bin_count(ORDER)))
TUNED = {
    "with_ngram": InterpolationWeights(0.7, BY_COUNT),
    "with_cache": InterpolationWeights(cache=0.2, sharpness=0.5),
    "with_ngram_and_cache": InterpolationWeights(0.6, BY_COUNT[::-1], 0.3, 0.25),
}


def with_ngram(model, order=ORDER, text=CATS, **settings):
    """Return the model with an n-gram of a text and made-up interpolation weights."""
    vocabulary = model.vocabulary
    eos = vocabulary.ids.get(EOS) if vocabulary.text.eos else None
    words = [word for word in vocabulary.tokenize(text) if word in vocabulary.ids or vocabulary.unk_id is not None]
    ngram = KneserNey.train(vocabulary.encode(words), len(vocabulary), order, eos)
    fitted = {"ngram_order": order, "ngram_count": ngram.size, "validation_words": 900, "cache_size": 7, **TUNED}
    config = FittedInterpolation(**{**fitted, **settings})
    return dataclasses.replace(model, interpolation=config, ngram=deferred(ngram.to_tensors()))


def deferred(tensors):
    """Return tensors in memory as if they were a section of a file."""
    return DeferredTensors(sum(tensor.nbytes for tensor in tensors.values()), lambda: tensors)
