"""Loading of TensorFlow and Keras: without the user's settings of Keras, and with one line where it cannot be done.

Where memory or threads run out inside TensorFlow's C++ libraries, they abort the process. So limits that are too low
for it are refused before it is loaded.
"""

import contextlib
import errno
import mmap
import os
import subprocess
import sys
from collections.abc import Iterator

from rnnwords.errors import MissingDependencyError, RnnwordsError, TrainingError
from rnnwords.network.config import NetworkConfig
from rnnwords.requirements import tensorflow_advice
from rnnwords.training.optimization.precision import onednn_setting

# What Keras reads when it is imported. In the directory KERAS_HOME it reads keras.json, or writes it; here is none.
KERAS_ENVIRONMENT = {
    "KERAS_BACKEND": "tensorflow", "KERAS_HOME": os.devnull, "KERAS_MAX_EPOCHS": None,
    "KERAS_MAX_STEPS_PER_EPOCH": None, "KERAS_NNX_ENABLED": None, "TF_USE_LEGACY_KERAS": None,
}  # fmt: skip
# Measured with TensorFlow 2.21, a network of 16 units and two cores: below 1.9 GB of addresses in all it aborts.
ADDRESSES = 1_900_000_000  # bytes, most of which are never used
DATA = 400_000_000  # bytes of them that can be written to
STACK = 8 << 20  # bytes of addresses per thread
COPIES = 12  # of the weights: gradients, moments of the optimizer, averages, a checkpoint, and those in between
LOGIT_COPIES = 4  # of the logits of a batch
THREADS, THREADS_PER_CORE = 24, 4
TRAINING = "training"
CONTINUED = "the last checkpoint is kept. Set a smaller `batch_size`, or free memory, and run the command again"
_START_THREADS = """
import sys, threading
threading.stack_size(1 << 18)
end = threading.Event()
try:
    for _ in range(int(sys.argv[1])):
        threading.Thread(target=end.wait, daemon=True).start()
finally:
    end.set()
"""


@contextlib.contextmanager
def tensorflow_required(purpose: str = TRAINING) -> Iterator[None]:
    """Surround imports of what needs TensorFlow: training or another `purpose`.

    Raises MissingDependencyError for a missing package, TrainingError for one that raises anything else.
    """
    try:
        with _environment({**KERAS_ENVIRONMENT, "TF_ENABLE_ONEDNN_OPTS": onednn_setting()}):
            yield
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"{purpose} needs {error.name}, which is not installed; {tensorflow_advice()}"
        ) from error
    except (RnnwordsError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, SystemExit) and type(error) is not SystemExit:  # the end by a signal
            raise
        cause = error
        while isinstance(cause, ImportError) and isinstance(cause.__context__, ImportError):
            cause = cause.__context__  # TensorFlow puts its traceback into a second ImportError
        raise TrainingError(
            f"TensorFlow cannot be loaded: {_reason(cause)}; install it again with: pip install --force-reinstall "
            "tensorflow tensorboard"
        ) from error


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error)[:200].split())}".removesuffix(": ")


@contextlib.contextmanager
def _environment(changes: dict[str, str | None]) -> Iterator[None]:
    """Change environment variables for a while; None removes one."""
    before = {name: os.environ.get(name) for name in changes}
    try:
        _set_environment(changes)
        yield
    finally:
        _set_environment(before)


def _set_environment(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


@contextlib.contextmanager
def keras_defaults(remedy: str = CONTINUED) -> Iterator[None]:
    """Surround training: with the defaults of Keras, also where this process has changed them.

    Raises TrainingError if this process has loaded Keras with another backend, or, with a `remedy`, if the memory runs
    out.
    """
    import keras
    import tensorflow as tf

    if (backend := keras.config.backend()) != "tensorflow":
        raise TrainingError(
            f"expected Keras with the backend tensorflow, found it loaded with {backend}; use another process"
        )
    floatx, epsilon, policy = keras.config.floatx(), keras.config.epsilon(), keras.config.dtype_policy()
    try:
        keras.config.set_floatx("float32")
        keras.config.set_epsilon(1e-7)
        keras.config.set_dtype_policy("float32")
        yield
    except (tf.errors.ResourceExhaustedError, tf.errors.AbortedError, tf.errors.InternalError, MemoryError) as error:
        raise TrainingError(
            f"TensorFlow could not go on, often for lack of memory ({_reason(error)}); {remedy}"
        ) from error
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_epsilon(epsilon)
        keras.config.set_dtype_policy(policy)


def check_limits(network: NetworkConfig | None = None, batch_size: int = 1, purpose: str = TRAINING) -> None:
    """Raise TrainingError if a limit (`ulimit -v`, `-d`, `-u`, or of a container) leaves no room for TensorFlow."""
    weights = network.weight_count if network else 0
    logits = batch_size * network.vocabulary_size * (network.window if network.stateful else 1) if network else 0
    numbers = 4 * (COPIES * weights + LOGIT_COPIES * logits)
    loaded = "tensorflow" in sys.modules
    threads = THREADS + THREADS_PER_CORE * (os.cpu_count() or 1)
    _check_memory(numbers + (0 if loaded else ADDRESSES + threads * STACK), mmap.PROT_READ, purpose)  # promises no page
    _check_memory(numbers + (0 if loaded else DATA), mmap.PROT_READ | mmap.PROT_WRITE, purpose)
    if not loaded:
        _check_threads(threads, purpose)


def _check_memory(size: int, protection: int, purpose: str) -> None:
    """Map so many bytes, without use of any."""
    try:
        mmap.mmap(-1, max(1, size), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=protection).close()
    except (OSError, OverflowError, MemoryError) as error:
        raise TrainingError(
            f"expected room for {size / 1e9:.1f} GB of memory, which {purpose} needs, found less; raise the limit "
            "(ulimit -v, ulimit -d) or train a smaller network"
        ) from error


def _check_threads(count: int, purpose: str) -> None:
    """Start so many threads at a time, in a process of their own, since ended threads leave heaps in this one."""
    command = [sys.executable, "-I", "-S", "-c", _START_THREADS, str(count)]
    try:
        failed = subprocess.run(  # noqa: S603 - this interpreter, with arguments of our own
            command, env={**os.environ, "MALLOC_ARENA_MAX": "1"}, stdin=subprocess.DEVNULL, capture_output=True,
            check=False,
        ).returncode  # fmt: skip
    except OSError as error:  # an interpreter that this user may not start tells nothing about threads
        failed = error.errno in (errno.EAGAIN, errno.ENOMEM)
    if failed:
        raise TrainingError(
            f"expected room for {count} threads, which {purpose} needs, found less; raise the limit (ulimit -u), or "
            "end other processes"
        )
