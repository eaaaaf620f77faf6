"""The menu of next words with bars, and the underline below unknown words."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Executor

from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.formatted_text.utils import split_lines
from prompt_toolkit.lexers import Lexer

from rnnwords.cli.output.bars import BLOCK, EMPTY_BLOCK, bar
from rnnwords.cli.output.terminal import cut, masked, safe
from rnnwords.cli.repl.commands import help_lines
from rnnwords.cli.repl.suggestions import Suggestions
from rnnwords.prediction.completions import MenuEntry, percent

BAR_LENGTH = 5
MAX_WORD_WIDTH = 30  # columns of a word in the menu
MIN_BAR_COLUMNS = 40  # width of the terminal below which the menu has no bars


class MenuCompleter(Completer):
    """Offers words with a bar for their probability, computed by `worker`, or commands after a colon."""

    def __init__(self, suggestions: Suggestions, worker: Executor, bars: bool) -> None:
        self.suggestions = suggestions
        self.worker = worker
        self.bars = bars

    async def get_completions_async(
        self, document: Document, complete_event: CompleteEvent
    ) -> AsyncGenerator[Completion, None]:
        line = document.text_before_cursor
        entries: list[MenuEntry] = []
        if not document.text_after_cursor[:1].strip():  # else the cursor is in the middle of a word
            entries = await asyncio.get_running_loop().run_in_executor(self.worker, self.suggestions.menu, line)
        bars = self.bars and get_app().output.get_size().columns >= MIN_BAR_COLUMNS
        for entry in entries:
            blocks = bar(entry.probability, BAR_LENGTH, BLOCK, EMPTY_BLOCK) if bars else ""
            meta = f"{blocks} {percent(entry.probability):>6}"
            word = cut(safe(entry.word), MAX_WORD_WIDTH)
            yield Completion(entry.text, -entry.replaced, display=word, display_meta=meta)
        for completion in self.get_completions(document, complete_event):
            yield completion

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """Yield the commands that begin like the line; this needs no model."""
        line = document.text
        for usage, what in help_lines() if self.suggestions.is_command(line) else ():
            name = usage.split()[0]
            if name.startswith(line):
                yield Completion(name, -len(line), display=usage, display_meta=what)


class UnknownWordLexer(Lexer):
    """Underlines unknown words."""

    def __init__(self, suggestions: Suggestions) -> None:
        self.suggestions = suggestions

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        fragments: StyleAndTextTuples = []
        place = 0
        text = masked(document.text)
        for _, start, end in self.suggestions.unknown(document.text):
            fragments += [("", text[place:start]), ("class:unknown", text[start:end])]
            place = end
        lines = list(split_lines([*fragments, ("", text[place:])]))
        return lambda number: lines[number] if number < len(lines) else []
