"""Workers find each other before TensorFlow connects them: its own waiting could not be interrupted, has no limit and
names nobody. The chief listens on its address of TF_CONFIG; when all are there, it tells the others what to train.

One line of JSON a message: the chief greets, a worker says who it is, the chief answers when all have come.
"""

import contextlib
import json
import select
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from rnnwords import __version__
from rnnwords.errors import TrainingError, UsageError
from rnnwords.files import reason
from rnnwords.training.distributed.cluster import Role

WAIT_SECONDS = 600.0  # for the other workers to be started
PATIENCE_SECONDS = 5.0  # until somebody is told who is missing
LINE_SECONDS = 10.0  # for a line that the other side sends at once
LONGEST = 1 << 20  # bytes of a line
GREETING = "rnnwords meeting 1"


def gather(role: Role, devices: int | None, answer: Mapping[str, Any], tell: Callable[[str], None]) -> None:
    """The chief's part: wait until all workers are there, then give each the `answer`. All need as many `devices`.

    Raises TrainingError if the port is taken or somebody does not come, UsageError if a worker does not fit.
    """
    end = time.monotonic() + WAIT_SECONDS
    here: dict[int, socket.socket] = {}
    try:
        server = socket.create_server(("", _port(role.addresses[0])))
    except OSError as error:
        raise TrainingError(
            f"{role.addresses[0]}, this worker's address in TF_CONFIG, cannot be listened on: {reason(error)}"
        ) from error
    with server, contextlib.ExitStack() as connections:
        tell_at = time.monotonic() + PATIENCE_SECONDS
        while missing := [role.name(index) for index in range(1, role.workers) if not _alive(here.get(index))]:
            if time.monotonic() > end:
                raise TrainingError(f"{' and '.join(missing)} did not come within {WAIT_SECONDS:g} s")
            if time.monotonic() > tell_at:
                tell_at = end
                tell(f"waiting for {' and '.join(missing)}")
            if not select.select([server], [], [], 0.5)[0]:
                continue
            connection = connections.enter_context(server.accept()[0])
            with contextlib.suppress(OSError, ValueError):  # not one of ours, or gone again
                _send(connection, GREETING)
                guest = _receive(connection, LINE_SECONDS)
                if problem := _misfit(guest, role, devices):
                    for other in [connection, *here.values()]:
                        with contextlib.suppress(OSError):
                            _send(other, {"error": problem})
                    raise UsageError(problem)
                here[guest["index"]] = connection
        for index, connection in here.items():
            try:
                _send(connection, answer)
            except OSError as error:
                raise TrainingError(
                    f"{role.name(index)} went away: {reason(error)}; start all workers again"
                ) from error


def join(role: Role, devices: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Another worker's part: find the chief, and wait for its answer.

    Raises TrainingError if the chief does not come or went away, UsageError if this worker does not fit.
    """
    end = time.monotonic() + WAIT_SECONDS
    me = {"program": __version__, "index": role.index, "addresses": list(role.addresses), "devices": devices}
    tell_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(OSError, ValueError), _connected(role.addresses[0]) as connection:
            if _receive(connection, LINE_SECONDS) == GREETING:
                _send(connection, me)
                answer = _receive(connection, max(0.1, end - time.monotonic()))
                if isinstance(answer, dict):
                    if problem := answer.get("error"):
                        raise UsageError(str(problem))
                    return answer
        if time.monotonic() > tell_at:
            tell_at = end
            tell(f"waiting for {role.name(0)}")
        time.sleep(0.3)
    raise TrainingError(f"{role.name(0)} did not come within {WAIT_SECONDS:g} s; is it started, and can it be reached?")


def _misfit(guest: Any, role: Role, devices: int | None) -> str | None:
    """What keeps a worker from taking part. Raises ValueError if it is none."""
    if not isinstance(guest, dict) or not isinstance(guest.get("index"), int):
        raise ValueError("not a worker")
    if guest.get("program") != __version__:
        return (
            f"a worker runs rnnwords {guest.get('program')}, the chief {__version__}; install the same on all machines"
        )
    if guest.get("addresses") != list(role.addresses) or not 0 < guest["index"] < role.workers:
        return "a worker has another cluster in its TF_CONFIG than the chief; all need the same, in the same order"
    if devices is not None and guest.get("devices") != devices:
        return (
            f"{role.name(guest['index'])} has {guest.get('devices')} GPUs and the chief {devices}; give all as many, "
            "for example by CUDA_VISIBLE_DEVICES"
        )
    return None


def _connected(address: str) -> socket.socket:
    host = address.rpartition(":")[0].removeprefix("[").removesuffix("]")
    return socket.create_connection((host, _port(address)), timeout=LINE_SECONDS)


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _alive(connection: socket.socket | None) -> bool:
    """Whether the other side is there and waits: a connection that has something to read was closed."""
    return connection is not None and not select.select([connection], [], [], 0)[0]


def _send(connection: socket.socket, message: object) -> None:
    connection.settimeout(LINE_SECONDS)
    connection.sendall(json.dumps(message).encode() + b"\n")


def _receive(connection: socket.socket, seconds: float) -> Any:
    """One line of JSON. Raises OSError (TimeoutError) or ValueError."""
    end = time.monotonic() + seconds
    line = b""
    while not line.endswith(b"\n"):
        connection.settimeout(max(0.01, end - time.monotonic()))
        if len(line) > LONGEST or not (piece := connection.recv(65_536)):
            raise ValueError("no line")
        line += piece
    return json.loads(line)
