"""What can go wrong, in one place. Every message says what was expected, what came, and what to do."""


class RnnwordsError(Exception):
    """Base of all errors that are the world's fault, not a bug's. `exit_status` is what the command line returns."""

    exit_status = 1


class UsageError(RnnwordsError):
    """The request cannot be carried out as given: a bad option, text, prompt or path."""

    exit_status = 2


class CorpusError(UsageError):
    """A text that cannot be read or learned from."""


class UnknownWordError(UsageError):
    """A prompt has words that the vocabulary lacks, and the caller asked to be told."""


class ModelError(RnnwordsError):
    """A model file or checkpoint is damaged, of another format, or hostile."""


class ModelNotFoundError(ModelError):
    """No model where one was expected."""

    exit_status = 2


class WorkerError(RnnwordsError):
    """A process that shared the work was ended by the system or by somebody."""


class SaveError(RnnwordsError):
    """A file could not be written; what stood there before is untouched."""


class TrainingError(RnnwordsError):
    """A run cannot start, go on, or be resumed."""


class ResumeError(TrainingError):
    """The same directory holds a run of another corpus or other settings."""

    exit_status = 2


class MissingDependencyError(RnnwordsError):
    """A package that this command needs is not installed."""
