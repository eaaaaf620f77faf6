"""Editing on the page: undo, a moved caret, selections, input methods, long texts, and what goes wrong."""

import pytest

from rnnwords.config import TextConfig
from rnnwords.export.html import write
from rnnwords.prediction.predictor import Predictor
from tests.browser import chromium_page
from tests.export.html.pages import LIST, until
from tests.models import chain

LINES = 60 * "had a general council\n"
SELECT = "document.getElementById('text').select()"
CARET = """(() => {
  const { selectionStart, selectionEnd, value } = document.getElementById("text");
  return [selectionStart, selectionEnd, value.length];
})()"""
VISIBLE = """(selector) => {
  const { top, bottom } = document.querySelector(selector).getBoundingClientRect();
  return top >= 0 && Math.round(bottom) <= innerHeight;
}"""


def finished(page):
    """Wait until a continuation was written."""
    until(lambda: page.page.inner_text("#continue") == "Continue")


def test_undo_takes_back_a_whole_continuation_and_then_what_was_typed(opened):
    page = opened(chain())
    page.write("had a")
    page.page.click("#continue")
    finished(page)
    assert len(page.text) > 100
    assert page.focused == "continue"
    page.page.focus("#text")
    page.keyboard.press("Control+z")
    assert page.text == "had a"
    page.keyboard.press("Control+z")
    assert page.text != "had a"


@pytest.mark.parametrize("typed", ["could take", "could take  "], ids=["word", "spaces"])
def test_continuation_that_begins_with_a_mark_joins_the_word_before_typed_spaces(opened, typed):
    page = opened(chain())
    page.write(typed)
    page.page.click("#continue")
    finished(page)
    assert page.text.startswith("could take. they could")
    page.page.fill("#text", "had a ")
    page.page.click("#continue")
    finished(page)
    assert page.text.startswith("had a general council")


def test_text_typed_while_words_are_written_follows_them(opened):
    page = opened(chain())
    page.write("had a")
    page.page.evaluate("document.getElementById('continue').click()")
    page.write(", then")
    finished(page)
    assert page.text.startswith("had a")
    assert page.text.endswith(", then")


def test_caret_that_is_moved_while_words_are_written_stops_them(opened):
    page = opened(chain())
    page.write("had a")
    page.page.evaluate(
        """() => {
          document.getElementById("continue").click();
          document.getElementById("text").focus();
          document.getElementById("text").setSelectionRange(4, 4);
        }"""
    )
    finished(page)
    until(lambda: next(iter(page.words), None) == "a")  # suggestions for the place of the caret
    assert page.page.evaluate(CARET)[0] == 4


def test_selection_has_no_suggestions_also_if_they_were_being_computed(opened):
    page = opened(chain())
    page.write("had a")
    page.page.evaluate(f"document.execCommand('insertText', false, ' g'); {SELECT}")
    page.page.wait_for_timeout(300)
    assert (page.words, page.ghost) == ({}, "")
    page.keyboard.type("had a ")
    until(lambda: "general" in page.words)
    assert page.text == "had a "


def test_word_taken_within_a_word_replaces_the_rest_of_it(opened):
    page = opened(chain())
    page.write("had a geneal, council")
    for _ in "al, council":
        page.keyboard.press("ArrowLeft")
    until(lambda: page.words == {"general": 1.0})
    page.page.click(LIST)
    assert page.text == "had a general, council"


def test_word_taken_within_a_text_without_spaces_keeps_what_follows(opened):
    page = opened(chain("\u5929\u6c14 \u597d", TextConfig(tokenizer="whitespace")))
    page.write("\u5929\u597d")
    page.keyboard.press("ArrowLeft")
    until(lambda: page.words == {"\u5929\u6c14": 1.0})
    page.page.click(LIST)
    assert page.text == "\u5929\u6c14\u597d"


def test_input_method_gets_suggestions_for_what_it_composes(opened):
    page = opened(chain())
    page.write("had a ")
    session = page.page.context.new_cdp_session(page.page)
    for composed in ("g", "ge", "gen"):
        session.send(
            "Input.imeSetComposition",
            {"text": composed, "selectionStart": len(composed), "selectionEnd": len(composed)},
        )
    until(lambda: page.words == {"general": 1.0})
    session.send("Input.insertText", {"text": "general"})
    until(lambda: page.ghost == " council to consider what measures they could take")
    assert page.text == "had a general"


@pytest.mark.parametrize(("width", "height"), [(1000, 600), (667, 375), (360, 560)])
def test_suggestions_stay_in_view_while_a_long_text_is_written(opened, width, height):
    page = opened(chain(), width=width, height=height)
    page.page.focus("#text")
    page.keyboard.insert_text(LINES)
    page.write("had a")
    assert page.page.evaluate(VISIBLE, f"{LIST}:first-child")
    if width < 600:  # a telephone has no Tab key
        assert page.page.evaluate(VISIBLE, "#accept")


def test_copy_keeps_the_caret_and_states_what_it_did(opened):
    page = opened(chain())
    page.write("had a")
    page.keyboard.press("ArrowLeft")
    page.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    page.page.click("#copy")
    until(lambda: page.page.inner_text("#copy") == "Copied")
    assert page.page.evaluate(CARET) == [4, 4, 5]
    assert page.focused == "copy"


def test_printed_page_has_the_text_alone(opened):
    page = opened(chain())
    page.write("had a", " general council to consider what measures they could")
    page.page.emulate_media(media="print")
    assert page.page.is_visible("#text")
    for hidden in ("#list", "#accept", "#keys", "#mirror span", "summary"):
        assert page.page.is_hidden(hidden)


def test_page_without_scripts_states_what_it_needs(tmp_path):
    path = tmp_path / "page.html"
    write(Predictor(chain()), path)
    with chromium_page(java_script_enabled=False) as (page, problems):
        page.goto(path.as_uri())
        assert page.is_visible("noscript .problem")
        assert page.is_hidden("#text")
        assert page.is_hidden("#message")
        assert problems == []


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ('id="worker">', "</script>", "This browser cannot run the model: "),
        ('id="model">', "</script>", "The model cannot compute: "),
    ],
    ids=["program", "model"],
)
def test_failure_stays_on_the_page_while_text_is_typed(tmp_path, start, end, message):
    path = tmp_path / "page.html"
    write(Predictor(chain()), path)
    before, _, after = path.read_text().partition(start)
    path.write_text(f"{before}{start}({{{end}{after.partition(end)[2]}")
    with chromium_page() as (page, _):
        page.goto(path.as_uri())
        until(lambda: page.inner_text("#message").startswith(message))
        page.focus("#text")
        page.keyboard.type("had a")
        assert page.inner_text("#message").startswith(message)
        assert page.is_disabled("#continue")
        assert page.input_value("#text") == "had a"


def test_message_stays_until_the_model_is_loaded(tmp_path):
    path = tmp_path / "page.html"
    write(Predictor(chain()), path)
    with chromium_page() as (page, problems):
        page.add_init_script(
            """const post = Worker.prototype.postMessage, waiting = [];
            Worker.prototype.postMessage = function (message) { waiting.push([this, message]); };
            globalThis.start = () => {
              Worker.prototype.postMessage = post;
              for (const [worker, message] of waiting) worker.postMessage(message);
            };"""
        )
        page.goto(path.as_uri())
        page.focus("#text")
        page.keyboard.type("had a")
        assert page.inner_text("#message") == "Loading the model\u2026"
        page.evaluate("start()")
        page.wait_for_selector(LIST)
        assert page.inner_text("#message") == ""
        assert problems == []
