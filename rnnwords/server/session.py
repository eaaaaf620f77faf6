"""A session with one editor: life cycle, open documents, and a table of the methods."""

import traceback
from collections.abc import Callable
from typing import Any

from rnnwords.errors import RnnwordsError
from rnnwords.personal.documents import WrittenText
from rnnwords.server import messages
from rnnwords.server.completion import DocumentCompletions, ServedModel
from rnnwords.server.documents import Document
from rnnwords.server.messages import Id, Message, Params, ResponseError, field
from rnnwords.server.pending import PendingRequests
from rnnwords.server.positions import DEFAULT, negotiated
from rnnwords.server.settings import ServerSettings
from rnnwords.version import __version__

INCREMENTAL = 2  # TextDocumentSyncKind
# Letters start a list in every editor. After these characters a word goes on (don't, well-known), or the next begins.
TRIGGERS = (" ", "'", "\u2019", "-")

Load = Callable[[ServerSettings], ServedModel]
Log = Callable[[str], None]


class ServerSession:
    """Answers messages. `exit_status` is that of the process, None as long as the session lasts."""

    def __init__(self, settings: ServerSettings, load: Load, log: Log) -> None:
        """`load` returns the model for settings, and raises RnnwordsError; `log` gets what went wrong."""
        self.settings, self.load, self.log = settings, load, log
        self.encoding = DEFAULT
        self.documents: dict[str, Document] = {}  # URI -> document
        self.written: dict[str, WrittenText] = {}  # URI -> what of the document is learned
        self.pending = PendingRequests()
        self.shut_down = False
        self.exit_status: int | None = None
        self._completions: DocumentCompletions | None = None  # None before the session is initialized
        self._requests: dict[str, Callable[[Params, Id], Any]] = {
            "initialize": self._initialize,
            "shutdown": self._shutdown,
            "textDocument/completion": self._complete,
            "textDocument/inlineCompletion": self._inline_complete,
        }
        self._notifications: dict[str, Callable[[Params], None]] = {
            "initialized": self._initialized,
            "exit": self._exit,
            "textDocument/didOpen": self._open,
            "textDocument/didChange": self._change,
            "textDocument/didClose": self._close,
            "textDocument/didSave": self._save,
        }

    def answer(self, message: Message) -> bytes | None:
        """Return the JSON of the response to a request; None for a notification."""
        id = message.id
        if id is None:
            self._notify(message)
            return None
        try:
            self._check_needed(id)
            return messages.result(id, self._request(message, id))
        except ResponseError as error:
            return messages.failure(error, id)
        except RnnwordsError as error:
            return messages.failure(ResponseError(messages.REQUEST_FAILED, str(error)), id)
        except Exception as error:  # a bug must not end the session
            self.log(f"{message.method}: {traceback.format_exc()}")
            return messages.failure(ResponseError(messages.INTERNAL_ERROR, f"{type(error).__name__}: {error}"), id)
        finally:
            self.pending.end(id)

    def read_ahead(self) -> bool:
        """Prepare the next list for a moment; return whether there is more to prepare."""
        try:
            return self._completions is not None and self._completions.read_ahead()
        except RnnwordsError:  # which the next list reports
            return False

    def _request(self, message: Message, id: Id) -> Any:
        if self.shut_down:
            raise ResponseError(messages.INVALID_REQUEST, "expected exit after shutdown, found a request")
        if self._completions is None and message.method != "initialize":
            raise ResponseError(messages.SERVER_NOT_INITIALIZED, "expected initialize first")
        respond = self._requests.get(message.method)
        if respond is None:
            raise ResponseError(messages.METHOD_NOT_FOUND, f"unknown method {message.method[:100]}")
        return respond(message.params, id)

    def _notify(self, message: Message) -> None:
        """Handle a notification. One that is unknown, or comes too early or too late, is ignored."""
        respond = self._notifications.get(message.method)
        if respond is None or (message.method != "exit" and (self._completions is None or self.shut_down)):
            return
        try:
            respond(message.params)
        except (ResponseError, RnnwordsError) as error:
            self.log(f"{message.method}: {error}")
        except Exception:
            self.log(f"{message.method}: {traceback.format_exc()}")

    def _check_needed(self, id: Id) -> None:
        if self.pending.is_cancelled(id):
            raise ResponseError(messages.REQUEST_CANCELLED, "the request was cancelled")

    def _initialize(self, params: Params, id: Id) -> Params:
        if self._completions is not None:
            raise ResponseError(messages.INVALID_REQUEST, "expected initialize once, found it again")
        general = field({"capabilities": {}, **params}, "capabilities", dict).get("general")
        offered = general.get("positionEncodings") if isinstance(general, dict) else None
        encoding = negotiated(offered)
        options = params.get("initializationOptions")
        try:
            settings = self.settings if options is None else self.settings.changed(options)
            self._completions = DocumentCompletions(self.load(settings), settings, encoding)
        except RnnwordsError as error:  # a model or option that another try would not find either
            self.log(str(error))
            raise ResponseError(messages.REQUEST_FAILED, str(error), data={"retry": False}) from error
        self.encoding = encoding
        synchronization = {"openClose": True, "change": INCREMENTAL}
        if self._completions.model.personal is not None:
            synchronization["save"] = True  # only text that is saved is learned
        return {
            "capabilities": {
                "positionEncoding": encoding,
                "textDocumentSync": synchronization,
                "completionProvider": {"triggerCharacters": list(TRIGGERS), "resolveProvider": False},
                "inlineCompletionProvider": True,
            },
            "serverInfo": {"name": "rnnwords", "version": __version__},
        }

    def _initialized(self, params: Params) -> None:
        self._ready().warm_up()

    def _shutdown(self, params: Params, id: Id) -> None:
        self._keep()
        self.shut_down = True

    def _exit(self, params: Params) -> None:
        self.exit_status = self.end_status

    @property
    def end_status(self) -> int:
        """The exit status if the session ends now: 0 after `shutdown`, else 1."""
        return 0 if self.shut_down else 1

    def _ready(self) -> DocumentCompletions:
        if self._completions is None:
            raise ResponseError(messages.SERVER_NOT_INITIALIZED, "expected initialize first")
        return self._completions

    def _complete(self, params: Params, id: Id) -> Params:
        return self._ready().complete(self._document(params), params)

    def _inline_complete(self, params: Params, id: Id) -> Params:
        return self._ready().continue_text(self._document(params), params, lambda: self._check_needed(id))

    def _open(self, params: Params) -> None:
        item = field(params, "textDocument", dict)
        document = self.documents[field(item, "uri", str)] = Document(field(item, "text", str))
        self.written[field(item, "uri", str)] = WrittenText(document.text)
        self._ready().opened(document)

    def _change(self, params: Params) -> None:
        self._document(params).change(field(params, "contentChanges", list), self.encoding)

    def _close(self, params: Params) -> None:
        self.documents.pop(_uri(params), None)
        self.written.pop(_uri(params), None)

    def _save(self, params: Params) -> None:
        """Learn what was written in a document since it was opened or saved."""
        document, completions = self._document(params), self._ready()
        if self.written[_uri(params)].learn(completions.model, document.text):
            completions.completions.refresh()
        self._keep()

    def _keep(self) -> None:
        """Write what was learned to the personal file; a failure is logged once, and tried again with the next save."""
        personal = self._ready().model.personal
        if personal is not None:
            trouble = personal.trouble
            personal.save()
            if personal.trouble and personal.trouble != trouble:
                self.log(f"new words are not in the personal file: {personal.trouble}")

    def _document(self, params: Params) -> Document:
        uri = _uri(params)
        if uri not in self.documents:
            raise ResponseError(messages.INVALID_PARAMS, f"uri: expected an open document, found {uri[:100]}")
        return self.documents[uri]


def _uri(params: Params) -> str:
    uri: str = field(field(params, "textDocument", dict), "uri", str)
    return uri
