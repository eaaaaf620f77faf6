"""Ghost text at the cursor, and continuations that are inserted there, both computed in a background thread.

Keys are answered at once: results for a text that has changed since are dropped.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from prompt_toolkit.application import get_app

from rnnwords.cli.output.terminal import is_safe
from rnnwords.cli.repl.editor.buffer import DraftBuffer, DraftSession
from rnnwords.cli.repl.suggestions import Suggestions, context_after

GHOST_DELAY = 0.02  # seconds without a key before ghost text is computed, so that the menu comes first
SIMILAR_DELAY = 0.2  # seconds without a key before similar words are looked up


class GhostText:
    """The grey text after the cursor: where something was typed, and at the end of the text."""

    def __init__(
        self, session: DraftSession, buffer: DraftBuffer, suggestions: Suggestions, model_thread: ThreadPoolExecutor
    ) -> None:
        self.session, self.buffer, self.suggestions = session, buffer, suggestions
        self.model_thread = model_thread  # the only one that uses the model
        self.spelling_thread = ThreadPoolExecutor(1, "similar words")
        self.spelling_thread.submit(lambda: suggestions.alphabetical)
        self._seen: tuple[str, int] | None = None  # text and cursor that the ghost text is for
        self._ghost = ""

    def close(self) -> None:
        """End the background threads."""
        self.model_thread.shutdown(wait=False, cancel_futures=True)
        self.spelling_thread.shutdown(wait=False, cancel_futures=True)

    def text(self) -> str:
        """Return the ghost text that belongs to the present text and cursor."""
        return self._ghost if self._ghost and self._seen == (self.buffer.text, self.buffer.cursor_position) else ""

    def follow(self) -> None:
        """Before the screen is drawn: keep the ghost text if it begins with what was typed, and compute a new one."""
        now, before = (self.buffer.text, self.buffer.cursor_position), self._seen
        if now == before:
            return
        typed = now[0][before[1] : now[1]] if before and now[1] > before[1] else ""
        goes_on = (
            before is not None and bool(typed) and self._ghost.startswith(typed)
            and len(now[0]) == len(before[0]) + len(typed)
        )  # fmt: skip
        self._ghost = self._ghost[len(typed) :] if goes_on else ""
        self._seen = now
        if self.buffer.is_at_line_end and (before is None or now[0] != before[0] or self.buffer.is_at_text_end):
            get_app().create_background_task(self._suggest(now))

    async def _suggest(self, seen: tuple[str, int]) -> None:
        """Compute ghost text and, after a pause, similar words for unknown ones; stop when the text changes."""

        def needed() -> bool:
            return self.buffer.cursor_position == seen[1] and self.buffer.text == seen[0]

        await asyncio.sleep(GHOST_DELAY)
        if not needed():
            return
        before, line = self.buffer.place
        loop = asyncio.get_running_loop()
        ghost = await loop.run_in_executor(self.model_thread, self.suggestions.ghost, line, before, needed)
        if not needed():
            return
        self._ghost, self._seen = ghost, seen
        get_app().invalidate()
        await asyncio.sleep(SIMILAR_DELAY)
        for span in self.suggestions.unknown(line) if needed() else ():
            await loop.run_in_executor(self.spelling_thread, self.suggestions.similar, span.word)
            get_app().invalidate()

    def accept_all(self) -> None:
        """Insert the ghost text; if none is shown yet, compute it."""
        if not self.buffer.is_at_line_end:
            return
        before, line = self.buffer.place
        self._insert(self.text() or self.model_thread.submit(self.suggestions.ghost, line, before).result())

    def accept_word(self) -> None:
        """Insert the first word of the ghost text."""
        ghost = self.text()
        word = next(iter(self.session.model.vocabulary.tokenize(ghost)), "")
        self._insert(ghost[: ghost.lower().find(word.lower()) + len(word)])

    def _insert(self, text: str) -> None:
        if text:
            self.buffer.save_to_undo_stack()
            self.buffer.insert_text(text)
            self.suggestions.finished = self.buffer.place[1]

    def accept_entry(self) -> None:
        """Keep the word that is selected in the menu, and offer the next."""
        self.buffer.complete_state = None
        self.suggestions.finished = self.buffer.place[1]
        self.buffer.start_completion()


class Continuation:
    """A continuation while the model writes it: word by word at the cursor, until it ends or anything else changes."""

    def __init__(self, session: DraftSession, suggestions: Suggestions, model_thread: ThreadPoolExecutor) -> None:
        self.session, self.buffer = session, session.buffer
        self.suggestions, self.model_thread = suggestions, model_thread
        self.running = False
        self._stopped = False

    def stop(self) -> bool:
        """End the continuation; its words stay. Return whether one was running."""
        running, self._stopped = self.running, True
        return running

    async def write(self, words: int | None = None) -> None:
        """Insert a continuation at the cursor, of as many words as the settings have or of `words`.

        Raises RnnwordsError as the model does.
        """
        if self.running:
            return
        self.running, self._stopped = True, False
        buffer = self.buffer
        before, line = buffer.place
        buffer.complete_state = None
        self.session.learn(whole=True)
        buffer.save_to_undo_stack()
        buffer.whole = True  # one step of undo
        pieces = self._pieces(before, line, words)
        seen = buffer.text, buffer.cursor_position
        loop = asyncio.get_running_loop()
        try:
            while not self._stopped:
                word = await loop.run_in_executor(self.model_thread, next, pieces, None)
                if word is None or self._stopped or seen != (buffer.text, buffer.cursor_position):
                    break
                if buffer.text[: buffer.cursor_position][-1:].isspace() or not buffer.cursor_position:
                    word = word.lstrip(" ")
                buffer.insert_text(word, fire_event=False)
                seen = buffer.text, buffer.cursor_position
                get_app().invalidate()
        finally:
            after = buffer.text[buffer.cursor_position - 1 : buffer.cursor_position + 1]
            if after.isalnum() and len(after) == 2 and seen == (buffer.text, buffer.cursor_position):
                buffer.insert_text(" ", fire_event=False)
            buffer.whole = False
            self.running = False
            self.suggestions.finished = buffer.place[1]
            buffer.save_to_undo_stack()
            self.session.see()
            self.session.adapt(buffer.text, generated=True)
            get_app().invalidate()

    def _pieces(self, before: str, line: str, words: int | None) -> Iterator[str]:
        """Yield the words after a place: first what completes a started word, as the ghost text does."""
        started = "" if line == self.suggestions.finished else self.suggestions.started(line)[1]
        beginning = (self.suggestions.beginning(line, before) or "") if started else ""
        if beginning and is_safe(beginning):
            yield beginning
            line += beginning
        for word in self.session.continuation(context_after(before)(line), words):
            if not is_safe(word):
                return
            yield word
