"""Vocabulary files. One that loads is saved as the same file, and tokenizes and encodes any text."""

from rnnwords.errors import ModelError, UnknownWordError
from rnnwords.text.vocabulary import Vocabulary
from tests.faults.fuzz.choices import Choices, folder
from tests.faults.fuzz.programs import check_message

HEADERS = (
    b'# rnnwords-vocabulary {"tokenizer": "words", "lowercase": false, "eos": false}\n',
    b'# rnnwords-vocabulary {"tokenizer": "whitespace", "lowercase": true, "eos": true}\n',
    b"# rnnwords-vocabulary {}\n", b"# rnnwords-vocabulary ", b"",
)  # fmt: skip
WORDS = ("the", "<unk>", "<eos>", "cat", "\u732b", "'", "\u2028", "\x85", "\0", "\r", "#", "\ufeff", "e\u0301", "")
SEPARATORS = "\t\t\t\t\t\t ,"
COUNTS = ("1", "2", "0", "-1", "1.5", "9" * 18, "9" * 19, "9" * 5_000, "\u0661", "", " 1", "0x1", "1\r", "1\t")


def check(data: bytes) -> None:
    """Raise only on a finding."""
    choices = Choices(data)
    path = folder() / "vocabulary.tsv"
    path.write_bytes(_file(choices))
    try:
        vocabulary = Vocabulary.load(path)
    except ModelError as error:
        check_message(error, path)
        return
    vocabulary.save(folder() / "again.tsv")
    again = Vocabulary.load(folder() / "again.tsv")
    assert again == vocabulary
    assert again.to_bytes() == vocabulary.to_bytes()
    tokens = vocabulary.tokenize(f"the quagga {vocabulary.words[0]}\n")
    try:
        ids = vocabulary.encode(tokens)
    except UnknownWordError as error:
        check_message(error)
    else:
        assert all(0 <= token_id < len(vocabulary) for token_id in ids)
    assert vocabulary.encode(vocabulary.words) == list(range(len(vocabulary)))
    assert vocabulary.report()["symbols"] == len(vocabulary)


def _file(choices: Choices) -> bytes:
    content = choices.one_of(HEADERS)
    if choices.below(4) == 1:
        return bytes(content + choices.rest())
    count = 1_000
    for _ in range(choices.below(12)):
        count -= choices.below(4)
        word = choices.one_of(WORDS) if choices.below(3) else choices.text(2)
        shown = str(count) if choices.below(4) else choices.one_of(COUNTS)
        content += f"{word}{choices.one_of(SEPARATORS)}{shown}\n".encode("utf-8", "replace")
    return bytes(content[: len(content) - choices.below(2)])
