"""The rendezvous of the workers, before TensorFlow connects them: TensorFlow would wait for missing ones forever.

The chief listens on its address in TF_CONFIG and, when all workers are connected, sends them the settings. Each message
is one line of JSON: the chief sends GREETING, a worker describes itself, and the chief answers when all are connected.
"""

import contextlib
import json
import select
import socket
import time
from collections.abc import Generator, Iterator, Mapping
from typing import Any

from rnnwords.errors import TrainingError, UsageError
from rnnwords.files import reason
from rnnwords.training.distributed.cluster import Role
from rnnwords.training.events import Note
from rnnwords.version import __version__

WAIT_SECONDS = 600.0  # for the other workers to be started
NOTE_SECONDS = 5.0  # until a message names the workers that are missing
LINE_SECONDS = 10.0  # for a line that the other side sends at once
MAX_LINE = 1 << 20  # bytes
GREETING = "rnnwords meeting 1"


def gather(role: Role, devices: int | None, answer: Mapping[str, Any]) -> Iterator[Note]:
    """Wait in the chief until all workers are connected, then send each the `answer`. Yields a note while waiting.

    All workers need `devices` devices, unless that is None. Raises TrainingError if the port is in use or a worker is
    missing, UsageError if a worker does not match.
    """
    end = time.monotonic() + WAIT_SECONDS
    connected: dict[int, socket.socket] = {}
    try:
        server = socket.create_server(("", int(role.addresses[0].rpartition(":")[2])))
    except OSError as error:
        raise TrainingError(
            f"cannot listen on {role.addresses[0]}, the address of this worker in TF_CONFIG: {reason(error)}"
        ) from error
    with server, contextlib.ExitStack() as connections:
        note_at = time.monotonic() + NOTE_SECONDS
        while missing := [role.name(index) for index in range(1, role.workers) if not _waits(connected.get(index))]:
            if time.monotonic() > end:
                raise TrainingError(f"expected all workers within {WAIT_SECONDS:g} s, {' and '.join(missing)} missing")
            if time.monotonic() > note_at:
                note_at = end
                yield Note(f"waiting for {' and '.join(missing)}")
            if not select.select([server], [], [], 0.5)[0]:
                continue
            connection = connections.enter_context(server.accept()[0])
            with contextlib.suppress(OSError, ValueError):  # another program, or a lost connection
                _send(connection, GREETING)
                worker = _receive(connection, LINE_SECONDS)
                if problem := _mismatch(worker, role, devices):
                    for other in [connection, *connected.values()]:
                        with contextlib.suppress(OSError):
                            _send(other, {"error": problem})
                    raise UsageError(problem)
                connected[worker["index"]] = connection
        for index, connection in connected.items():
            try:
                _send(connection, answer)
            except OSError as error:
                raise TrainingError(f"lost {role.name(index)}: {reason(error)}; start all workers again") from error


def join(role: Role, devices: int) -> Generator[Note, None, dict[str, Any]]:
    """Connect to the chief and return its answer. Yields a note while waiting.

    Raises TrainingError if the chief is missing, UsageError if this worker does not match.
    """
    end = time.monotonic() + WAIT_SECONDS
    host, _, port = role.addresses[0].rpartition(":")
    address = host.removeprefix("[").removesuffix("]"), int(port)
    own = {"program": __version__, "index": role.index, "addresses": list(role.addresses), "devices": devices}
    note_at = time.monotonic() + NOTE_SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(OSError, ValueError), socket.create_connection(address, LINE_SECONDS) as connection:
            if _receive(connection, LINE_SECONDS) == GREETING:
                _send(connection, own)
                answer: dict[str, Any] = _receive(connection, max(0.1, end - time.monotonic()))
                if problem := answer.get("error"):
                    raise UsageError(str(problem))
                return answer
        if time.monotonic() > note_at:
            note_at = end
            yield Note(f"worker {role.index} of {role.workers}: waiting for {role.name(0)}")
        time.sleep(0.3)
    raise TrainingError(
        f"expected an answer of {role.name(0)} within {WAIT_SECONDS:g} s, found none; start it, and check that this "
        "machine can connect to its address"
    )


def _mismatch(worker: Any, role: Role, devices: int | None) -> str | None:
    """Return why a worker cannot take part, if it cannot. Raises ValueError for another program."""
    if not isinstance(worker, dict) or not isinstance(worker.get("index"), int):
        raise ValueError("not a worker")
    if worker.get("program") != __version__:
        return f"expected rnnwords {__version__} on all machines, found {worker.get('program')}; install the same"
    if worker.get("addresses") != list(role.addresses) or not 0 < worker["index"] < role.workers:
        return "expected the same cluster in each TF_CONFIG, found another one in a worker; give all the same addresses"
    if devices is not None and worker.get("devices") != devices:
        return (
            f"expected {devices} GPUs in each worker, as in the chief, found {worker.get('devices')} in "
            f"{role.name(worker['index'])}; select as many, for example with CUDA_VISIBLE_DEVICES"
        )
    return None


def _waits(connection: socket.socket | None) -> bool:
    """Whether the other side is connected and waits: a closed connection is readable."""
    return connection is not None and not select.select([connection], [], [], 0)[0]


def _send(connection: socket.socket, message: object) -> None:
    connection.settimeout(LINE_SECONDS)
    connection.sendall(json.dumps(message).encode() + b"\n")


def _receive(connection: socket.socket, seconds: float) -> Any:
    """Return one line of JSON. Raises OSError (TimeoutError) or ValueError."""
    end = time.monotonic() + seconds
    line = b""
    while not line.endswith(b"\n"):
        connection.settimeout(max(0.01, end - time.monotonic()))
        if len(line) > MAX_LINE or not (piece := connection.recv(65_536)):
            raise ValueError("no line")
        line += piece
    return json.loads(line)
