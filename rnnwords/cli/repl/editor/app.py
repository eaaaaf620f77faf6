"""The editor on a terminal: keys, screen and the loop that runs them."""

from pathlib import Path

from prompt_toolkit.application import Application
from prompt_toolkit.input import Input
from prompt_toolkit.output import Output

from rnnwords.cli.output.terminal import without_echo
from rnnwords.cli.repl.display import SessionDisplay
from rnnwords.cli.repl.editor.editor import Editor
from rnnwords.cli.repl.editor.keys import bindings
from rnnwords.cli.repl.editor.screen import STYLE, Screen
from rnnwords.cli.repl.keeping import text_kept
from rnnwords.cli.repl.session import WritingModel, WritingSettings

ESCAPE_SECONDS = 0.5  # after which Esc is a key of its own, not the first one of Alt-Enter


def run_editor(
    model: WritingModel, settings: WritingSettings, file: Path | None, display: SessionDisplay, *,
    input: Input | None = None, screen: Output | None = None,
) -> None:  # fmt: skip
    """Edit a draft until Ctrl-Q, :quit or the end of the terminal. A note says where text that is not saved is kept.

    Raises UsageError and SaveError for a file that cannot be edited.
    """
    editor = Editor(model, settings, display)
    try:
        editor.begin(file)
        app = application(editor, input, screen)
        with text_kept(editor.session, display), without_echo(app.input.fileno):
            run(app, editor)
    finally:
        editor.close()


def application(editor: Editor, input: Input | None, output: Output | None) -> Application[None]:
    """Return the application of an editor."""
    app: Application[None] = Application(
        layout=Screen(editor).layout(), key_bindings=bindings(editor), style=STYLE, full_screen=True,
        enable_page_navigation_bindings=False,  # they count lines, not rows
        input=input, output=output, before_render=lambda _: editor.ghost.follow(),
    )  # fmt: skip
    app.timeoutlen, app.ttimeoutlen = ESCAPE_SECONDS, 0.05
    return app


def run(app: Application[None], editor: Editor) -> None:
    """Handle keys until the end of the session, or of the terminal."""

    def start() -> None:
        app.create_background_task(editor.keep_text())

    try:
        app.run(pre_run=start)
    except (EOFError, OSError):  # the terminal is closed
        return
    finally:
        editor.continuation.stop()
        app.renderer.reset(leave_alternate_screen=True)
        app.output.flush()
