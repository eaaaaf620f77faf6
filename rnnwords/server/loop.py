"""The loop of the server: one thread receives messages, so that it sees cancellations at once; another answers them."""

import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue

from rnnwords.server.framing import FramingError, MessageReader, framed
from rnnwords.server.messages import PARSE_ERROR, Message, ResponseError, failure, parse
from rnnwords.server.session import ServerSession

CANCEL = "$/cancelRequest"
Received = Message | ResponseError | FramingError | None  # None: the client has left


def serve(session: ServerSession, arriving: Iterable[bytes], write: Callable[[bytes], object]) -> int:
    """Answer the messages in `arriving` bytes until the editor ends the session or leaves; return the exit status.

    `write` sends bytes, and raises OSError where the editor reads no more.
    """
    received: SimpleQueue[Received] = SimpleQueue()
    threading.Thread(target=receive, args=(session, arriving, received.put), daemon=True).start()
    while (message := received.get()) is not None:
        answer = respond(session, message)
        try:
            if answer is not None:
                write(framed(answer))
        except OSError:
            break
        if session.exit_status is not None:
            return session.exit_status
        idle = received.empty()
        while (idle or answer is not None) and session.read_ahead():  # once per answer at least
            answer, idle = None, received.empty()
        if isinstance(message, FramingError):
            break
    return session.end_status


def receive(session: ServerSession, arriving: Iterable[bytes], put: Callable[[Received], None]) -> None:
    """Put each message where the answering thread finds it, and cancel requests that still wait for it."""
    reader = MessageReader()
    try:
        for data in arriving:
            for content in reader.feed(data):
                try:
                    message = parse(content)
                except ResponseError as error:
                    put(error)
                    continue
                if message is None:
                    continue
                if message.method == CANCEL:
                    session.pending.cancel(message.params.get("id"))
                    continue
                if message.id is not None:
                    session.pending.begin(message.id)
                put(message)
    except FramingError as error:
        put(error)
    except OSError as error:
        session.log(f"cannot read from the editor: {error}")
    finally:
        put(None)


def respond(session: ServerSession, message: Message | ResponseError | FramingError) -> bytes | None:
    """Return the JSON of the response to what was received; None if there is none."""
    if isinstance(message, Message):
        return session.answer(message)
    if isinstance(message, ResponseError):
        return failure(message)
    return failure(ResponseError(PARSE_ERROR, str(message)))
