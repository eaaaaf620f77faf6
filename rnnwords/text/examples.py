"""The texts that come with the program, for a first try.

In the source they are in corpora/, from where the wheel takes them into the package.
"""

from pathlib import Path

from rnnwords.errors import CorpusError

EXAMPLES = {"fable": "belling_the_cat.txt", "fables": "fables.txt"}  # name -> file
_PACKAGE = Path(__file__).parents[1]
_PLACES = (_PACKAGE / "corpora", _PACKAGE.parent / "corpora")


def example_text(name: str) -> Path:
    """Return the path of a text of EXAMPLES. Raises CorpusError if it was removed from the installation."""
    for place in _PLACES:
        if (path := place / EXAMPLES[name]).is_file():
            return path
    raise CorpusError(
        f"expected the text of the example {name} at {_PLACES[0] / EXAMPLES[name]}, found none; install rnnwords again"
    )
