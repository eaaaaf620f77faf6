"""The keys of the prompt that differ from those of any line editor."""

from typing import TYPE_CHECKING

from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

if TYPE_CHECKING:
    from rnnwords.cli.repl.terminal_app import Editor


def bindings(editor: "Editor") -> KeyBindings:
    """The bindings that act on this editor."""
    keys = KeyBindings()

    @keys.add("enter")
    def enter(event: KeyPressEvent) -> None:
        state = event.current_buffer.complete_state
        if state is not None and state.current_completion is not None:
            editor.take_choice()
        else:
            event.current_buffer.validate_and_handle()

    @keys.add("tab")
    def tab(event: KeyPressEvent) -> None:
        state = event.current_buffer.complete_state
        if state is not None and state.current_completion is not None:
            editor.take_choice()
        elif editor.suggestions.is_command(event.current_buffer.text):
            if state is None:
                event.current_buffer.start_completion(select_first=True)
            else:
                event.current_buffer.complete_next()
        elif event.current_buffer.document.is_cursor_at_the_end:
            editor.take_all()

    @keys.add("escape", "right")
    @keys.add("escape", "f")
    def alt_right(event: KeyPressEvent) -> None:
        if event.current_buffer.document.is_cursor_at_the_end:
            editor.take_word()

    @keys.add(Keys.BracketedPaste)
    def paste(event: KeyPressEvent) -> None:
        editor.paste(event.data)

    return keys
