"""Settings of the language server, which the editor may send as `initializationOptions`."""

from dataclasses import dataclass
from typing import Self

from rnnwords.config import InterpolationConfig, shown, within
from rnnwords.errors import UsageError


@dataclass(frozen=True)
class ServerSettings(InterpolationConfig):
    """What is offered, by which model. The cache contains the words of the document before the cursor."""

    cache: int | None = within(0, 10_000, default=500)
    model: str | None = None  # run directory or model file; None: the one of the command line
    exclude: str | None = None  # file of words that are never offered
    personal: str | None = None  # file in which what is saved in the editor is kept
    words: int = within(1, 1_000, default=10)  # of a list
    inline_words: int = within(1, 1_000, default=32)  # of an inline completion, which ends with its sentence

    def changed(self, options: object) -> Self:
        """Return the settings with those of an object in place of the same ones here. Raises UsageError."""
        if not isinstance(options, dict):
            raise UsageError(f"initializationOptions: expected an object, found {shown(options)}")
        known = self.to_json()
        if unknown := sorted(set(options) - set(known)):
            raise UsageError(
                f"initializationOptions: expected settings among {', '.join(known)}, found {shown(unknown[0])}"
            )
        for name in ("model", "exclude", "personal"):
            if options.get(name) == "":
                raise UsageError(f"`{name}`: expected a path, found ''")
        return self.from_json({**self.to_json(), **options})
