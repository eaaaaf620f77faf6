"""All exceptions that users can meet. A message says what was expected, what was found, and what to do."""


class RnnwordsError(Exception):
    """Base class of errors that are not bugs. `exit_status` is that of the command line."""

    exit_status = 1


class UsageError(RnnwordsError):
    """An invalid setting, text, prompt or path."""

    exit_status = 2


class CorpusError(UsageError):
    """A text that cannot be read, decoded or used for training."""


class UnknownWordError(UsageError):
    """A prompt with words outside the vocabulary, where the policy for them is `error`."""


class ModelError(RnnwordsError):
    """A model file or checkpoint that is damaged, hostile, or of another format."""


class ModelNotFoundError(ModelError):
    """A missing model file."""

    exit_status = 2


class WorkerError(RnnwordsError):
    """A worker process that was killed."""


class SaveError(RnnwordsError):
    """A file that could not be written; the previous file is unchanged."""


class TrainingError(RnnwordsError):
    """A run that cannot start, continue or be resumed."""


class ResumeError(TrainingError):
    """A run directory whose corpus or settings differ from those of the command."""

    exit_status = 2


class MissingDependencyError(RnnwordsError):
    """A package that is not installed."""


class ExportError(RnnwordsError):
    """A network that a format cannot express, or an exported file whose predictions differ."""
