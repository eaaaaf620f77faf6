"""The keys of the editor that differ from those of prompt_toolkit, which are those of Emacs."""

from prompt_toolkit.filters import Condition, completion_is_selected, has_completions
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

from rnnwords.cli.repl.editor.editor import Editor


def bindings(editor: Editor) -> KeyBindings:
    """Return the keys. Of several bindings of a key, the last one whose filter holds has priority."""
    keys = KeyBindings()
    buffer, ghost = editor.buffer, editor.ghost
    has_ghost = Condition(lambda: bool(ghost.text()))
    is_command = Condition(editor.on_command_line)
    pane_is_cut = Condition(lambda: bool(editor.messages.pane) and editor.messages.is_cut)

    @keys.add(Keys.Any, save_before=lambda event: False)  # the buffer itself makes each word a step of undo
    def typed(event: KeyPressEvent) -> None:
        buffer.insert_text(event.data * event.arg)

    @keys.add("enter")
    def enter(event: KeyPressEvent) -> None:
        editor.enter()

    @keys.add("escape", "enter")
    def alt_enter(event: KeyPressEvent) -> None:
        editor.go()

    @keys.add("tab")
    def tab(event: KeyPressEvent) -> None:
        ghost.accept_all()

    @keys.add("tab", filter=is_command)
    def complete_command(event: KeyPressEvent) -> None:
        if buffer.complete_state is None:
            buffer.start_completion(select_first=True)
        else:
            buffer.complete_next()

    @keys.add("tab", filter=completion_is_selected)
    @keys.add("enter", filter=completion_is_selected)
    def accept(event: KeyPressEvent) -> None:
        ghost.accept_entry()

    @keys.add("right", filter=has_ghost)
    @keys.add("end", filter=has_ghost)
    @keys.add("c-e", filter=has_ghost)
    @keys.add("c-f", filter=has_ghost)
    def accept_all(event: KeyPressEvent) -> None:
        ghost.accept_all()

    @keys.add("escape", "right", filter=has_ghost)
    @keys.add("escape", "f", filter=has_ghost)
    @keys.add("c-right", filter=has_ghost)
    def accept_word(event: KeyPressEvent) -> None:
        ghost.accept_word()

    @keys.add("c-p")
    @keys.add("up")
    def up(event: KeyPressEvent) -> None:
        editor.move(-1)

    @keys.add("c-n")
    @keys.add("down")
    def down(event: KeyPressEvent) -> None:
        editor.move(1)

    @keys.add("up", filter=is_command & ~completion_is_selected)
    def earlier_command(event: KeyPressEvent) -> None:
        editor.recall()

    @keys.add("down", filter=has_completions)
    def next_entry(event: KeyPressEvent) -> None:
        buffer.complete_next()

    @keys.add("up", filter=completion_is_selected)
    def previous_entry(event: KeyPressEvent) -> None:
        buffer.complete_previous()

    @keys.add("escape", "v")
    @keys.add("pageup")
    def page_up(event: KeyPressEvent) -> None:
        editor.move(-editor.page)

    @keys.add("c-v")
    @keys.add("pagedown")
    def page_down(event: KeyPressEvent) -> None:
        editor.move(editor.page)

    @keys.add("pageup", filter=pane_is_cut)
    def pane_up(event: KeyPressEvent) -> None:
        editor.messages.scroll(-editor.messages.height)

    @keys.add("pagedown", filter=pane_is_cut)
    def pane_down(event: KeyPressEvent) -> None:
        editor.messages.scroll(editor.messages.height)

    @keys.add("c-home")
    def start(event: KeyPressEvent) -> None:
        buffer.cursor_position = 0

    @keys.add("c-end")
    def end(event: KeyPressEvent) -> None:
        buffer.cursor_position = len(buffer.text)

    @keys.add("c-_", save_before=lambda event: False)
    @keys.add("c-z", save_before=lambda event: False)
    def undo(event: KeyPressEvent) -> None:
        editor.undo()

    @keys.add("escape", "z", save_before=lambda event: False)
    @keys.add("escape", "_", save_before=lambda event: False)
    def redo(event: KeyPressEvent) -> None:
        editor.redo()

    @keys.add("escape", "x")
    @keys.add("escape", ":")
    def command_line(event: KeyPressEvent) -> None:
        editor.open_command_line()

    @keys.add("c-s")
    def save(event: KeyPressEvent) -> None:
        editor.run_command("save")

    @keys.add("c-r")
    def nothing(event: KeyPressEvent) -> None:
        """Search backwards needs an input of its own, which there is not."""

    @keys.add("c-c")
    @keys.add("c-g")
    @keys.add("<sigint>")
    @keys.add("escape")
    def cancel(event: KeyPressEvent) -> None:
        editor.cancel()

    @keys.add("c-d")
    def delete_or_end(event: KeyPressEvent) -> None:
        if buffer.is_at_text_end:
            editor.end()
        else:
            buffer.delete()

    @keys.add("c-q")
    def quit_editor(event: KeyPressEvent) -> None:
        editor.end()

    @keys.add(Keys.BracketedPaste)
    def paste(event: KeyPressEvent) -> None:
        editor.paste(event.data)

    return keys
