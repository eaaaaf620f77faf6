"""What the editor shows of a suggestion: the menu with its bars, and the underline below unknown words."""

from collections.abc import Callable, Iterator

from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.formatted_text.utils import split_lines
from prompt_toolkit.lexers import Lexer

from rnnwords.cli.repl_commands import help_lines, percent
from rnnwords.cli.repl_suggestions import Suggestions
from rnnwords.cli.terminal import masked, safe

FULL, EMPTY = "\u2587", "\u2581"  # of a bar
NARROW = 40  # columns; below, there is no room for bars


class MenuCompleter(Completer):
    """The menu: words with a bar for their probability, or the commands after a colon."""

    def __init__(self, suggestions: Suggestions, bars: bool) -> None:
        self.suggestions = suggestions
        self.bars = bars

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        line = document.text_before_cursor
        if document.text_after_cursor[:1].strip():
            return  # in the middle of a word
        if line.startswith(":") and self.suggestions.is_command(line):
            for usage, what in help_lines():
                name = usage.split()[0]
                if name.startswith(line):
                    yield Completion(name, -len(line), display=usage, display_meta=what)
            return
        bars = self.bars and get_app().output.get_size().columns >= NARROW
        for choice in self.suggestions.menu(line):
            meta = f"{bar(choice.probability) if bars else ''} {percent(choice.probability):>6}"
            yield Completion(choice.text, -choice.replaced, display=safe(choice.word), display_meta=meta)


def bar(share: float, cells: int = 5) -> str:
    """A share of 1 as a bar."""
    filled = min(cells, max(0, round(share * cells)))
    return FULL * filled + EMPTY * (cells - filled)


class UnknownLexer(Lexer):
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
