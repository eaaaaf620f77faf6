"""The menu of next words with bars, of commands after a colon, and of file names after a command that takes one."""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import Executor

from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from rnnwords.cli.output.bars import BLOCK, EMPTY_BLOCK, bar
from rnnwords.cli.output.terminal import cut, is_safe, safe
from rnnwords.cli.repl.commands import help_lines
from rnnwords.cli.repl.suggestions import Suggestions
from rnnwords.prediction.completions import MenuEntry, percent

BAR_LENGTH = 5
MAX_WORD_WIDTH = 30  # columns of a word in the menu
MIN_BAR_COLUMNS = 40  # width of the terminal below which the menu has no bars
_FILE_ARGUMENT = re.compile(r":(?:o\w*|save!?)[ \t]+(.*)")


class MenuCompleter(Completer):
    """Offers words with a bar for their probability, computed by `worker`, or commands after a colon."""

    def __init__(self, suggestions: Suggestions, worker: Executor, bars: bool) -> None:
        self.suggestions = suggestions
        self.worker = worker
        self.bars = bars
        self.paths = PathCompleter(expanduser=True)
        self.silent_at: Document | None = None  # where a command has ended: nothing was typed there

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        if document == self.silent_at:
            return
        line = document.current_line_before_cursor
        before = document.text[: document.cursor_position - len(line)]
        entries: list[MenuEntry] = []
        if not document.text_after_cursor[:1].strip():  # else the cursor is in the middle of a word
            entries = await asyncio.get_running_loop().run_in_executor(self.worker, self.suggestions.menu, line, before)
        bars = self.bars and get_app().output.get_size().columns >= MIN_BAR_COLUMNS
        for entry in entries:
            blocks = bar(entry.probability, BAR_LENGTH, BLOCK, EMPTY_BLOCK) if bars else ""
            meta = f"{blocks} {percent(entry.probability):>6}"
            word = cut(safe(entry.word), MAX_WORD_WIDTH)
            yield Completion(entry.text, -entry.replaced, display=word, display_meta=meta)
        for completion in self.get_completions(document, complete_event):
            yield completion

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """Yield the commands that begin like the line, or the files of an argument; this needs no model."""
        line = document.current_line_before_cursor
        if not self.suggestions.is_command(line) or line != document.current_line:
            return
        for usage, what in help_lines():
            name = usage.split()[0]
            if name.startswith(line):
                yield Completion(name, -len(line), display=usage, display_meta=what)
        if argument := _FILE_ARGUMENT.fullmatch(line):
            for completion in self.paths.get_completions(Document(argument[1]), complete_event):
                if is_safe(completion.text):
                    yield completion
