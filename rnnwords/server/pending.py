"""Requests that wait for their answers, and which of them the editor has cancelled since."""

import threading

from rnnwords.server.messages import Id


class PendingRequests:
    """Ids of requests, shared by the thread that receives messages and the one that answers them."""

    def __init__(self) -> None:
        self._cancelled: dict[Id, bool] = {}  # of the requests without an answer
        self._lock = threading.Lock()

    def begin(self, id: Id) -> None:
        """Note that a request has arrived."""
        with self._lock:
            self._cancelled[id] = False

    def cancel(self, id: object) -> None:
        """Cancel a request; one that is unknown or answered is ignored."""
        with self._lock:
            if isinstance(id, int | str) and id in self._cancelled:
                self._cancelled[id] = True

    def is_cancelled(self, id: Id) -> bool:
        """Return whether a request was cancelled."""
        with self._lock:
            return self._cancelled.get(id, False)

    def end(self, id: Id) -> None:
        """Note that a request is answered."""
        with self._lock:
            self._cancelled.pop(id, None)
