"""Texts for evaluation: unknown words, the literal <unk>, several lines."""

from rnnwords.text.reading.corpus import Corpus

OTHER = "the dog sat , the zebra saw a cat .\nzebra quagga\nthe <unk> mat and hens sat .\n" * 3
WITHOUT_UNK = OTHER.replace("<unk>", "hen")


def corpus(tmp_path, text, name="text.txt"):
    """Return the corpus of one file that holds the text."""
    path = tmp_path / name
    path.write_text(text)
    return Corpus([path])
