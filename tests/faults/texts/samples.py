"""Texts that tests write to files, and the commands to which a text can be passed."""

from typing import Any

from tests.texts import FABLE

TEXT = "The cat, the mouse.\n\nNa\u00efve \u732b said: it is good.\n" * 20
RUSSIAN = "\u0414\u043e\u0431\u0440\u044b\u0439 \u0434\u0435\u043d\u044c, \u043a\u043e\u0442.\n" * 40
CHINESE = "\u4ed6\u8bf4\u4e00\u53ea\u732b\u8d70\u4e86\u3002\u597d\u7684\u4e00\u4e00\u4e00\n" * 40

# What a text is passed to -> the arguments; {} is the text.
COMMANDS: dict[str, list[Any]] = {
    "build-vocab": ["build-vocab", "{}", "-o", "vocabulary.tsv"],
    "train": ["train", "{}", "--model", "new"],
    "validation": ["train", FABLE, "--validation", "{}", "--model", "new"],
    "eval": ["eval", "{}", "--model", "{model}"],
    "score": ["score", "{}", "--model", "{model}"],
    "report": ["generate", "the cat", "-n", "3", "--report", "--train-text", "{}", "--model", "{model}"],
}  # fmt: skip
