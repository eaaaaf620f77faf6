"""The page in a browser, opened from disk: writing, keys, screen readers, narrow and dark screens, hostile words."""

import math

import pytest

from rnnwords.config import TextConfig
from rnnwords.prediction.predictor import Predictor
from rnnwords.text.vocabulary import Vocabulary
from tests.browser import chromium_page
from tests.export.html.pages import LIST, Page, until
from tests.models import chain, random_model
from tests.processes import here
from tests.texts import FABLE_TEXT

CONTRAST = """(dark) => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = (color) => channels(color).slice(0, 3).map((value) => value / 255)
    .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
  const back = (element) => {
    for (; element; element = element.parentElement) {
      const color = getComputedStyle(element).backgroundColor;
      if ((channels(color)[3] ?? 1) === 1) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const ratio = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const texts = ["h1", "header p", "h2", "#list bdi", "#list .share", "#mirror span", "#text", "#keys li", "kbd",
    "summary", "dt", "dd", "label", "#accept", "#copy"];
  const ratios = texts.map((one) => [one, document.querySelector(one)])
    .map(([name, element]) => [name, ratio(getComputedStyle(element).color, back(element))]);
  const bar = getComputedStyle(document.querySelector("#list .bar")).backgroundColor;
  for (const name of ["#list bdi", "#list .share"]) {
    ratios.push([`${name} on its bar`, ratio(getComputedStyle(document.querySelector(name)).color, bar)]);
  }
  return Object.fromEntries(ratios);
}"""


@pytest.mark.parametrize("weights", ["float16", "int8"])
def test_page_from_disk_shows_the_probabilities_of_predict(opened, weights):
    model = random_model(chain().vocabulary, units=24, embedding=16, layers=1)
    page, predictor = opened(model, weights), Predictor(model)
    for text in ("had a general ", "council to consider "):
        expected = dict(predictor.rank(page.text + text, 8))
        page.write(text)
        until(lambda expected=expected: page.words.keys() == expected.keys())
        allowed = 1e-3 if weights == "float16" else 0.02 * max(expected.values())
        assert page.words == pytest.approx(expected, abs=allowed)


def test_typed_letters_filter_the_list_and_a_click_takes_a_word(opened):
    page = opened(chain())
    page.write("had a ", "general council to consider what measures they could take")
    assert next(iter(page.words)) == "general"
    page.keyboard.type("co")
    until(lambda: page.words.keys() == {"council", "consider", "could"})
    page.keyboard.type("n")
    until(lambda: page.words == {"consider": 1.0} and page.ghost == "sider what measures they could take.")
    page.page.click(LIST)
    assert page.text == "had a consider"
    until(lambda: page.ghost == " what measures they could take.")
    page.page.click("#accept")
    assert page.text == "had a consider what measures they could take."
    page.keyboard.press("Control+z")
    assert page.text == "had a consider"


def test_keys_accept_choose_and_leave(opened):
    page = opened(chain())
    page.write("had a", " general council to consider what measures they could")
    page.keyboard.press("Alt+ArrowRight")
    assert page.text == "had a general"
    until(lambda: page.ghost == " council to consider what measures they could take")
    page.keyboard.press("Tab")
    assert page.text == "had a general council to consider what measures they could take"
    until(lambda: page.ghost == ".")
    page.keyboard.press("ArrowRight")
    until(lambda: page.ghost.startswith(" they"))
    page.keyboard.press("Escape")
    assert (page.ghost, page.words) == ("", {})
    page.keyboard.press("Tab")
    assert page.focused == "continue"
    page.keyboard.press("Shift+Tab")
    assert page.focused == "text"


def test_arrow_keys_choose_a_word_of_the_list(opened):
    page = opened(chain())
    page.write("had a", " general council to consider what measures they could")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    second = page.page.query_selector_all(LIST)[1]
    assert page.page.get_attribute("#text", "aria-activedescendant") == second.get_attribute("id")
    assert second.get_attribute("aria-selected") == "true"
    word = second.query_selector("bdi").inner_text()
    page.keyboard.press("Enter")
    assert page.text in (f"had a {word}", f"had a{word}")
    page.keyboard.press("Enter")  # without a chosen word, a line end
    assert page.text.endswith("\n")


def test_words_are_put_in_at_the_caret(opened):
    page = opened(chain())
    page.write("had a council", " to consider what measures they could take.")
    for _ in " council":
        page.keyboard.press("ArrowLeft")
    until(lambda: "general" in page.words)
    assert page.ghost == ""
    page.keyboard.press("Alt+ArrowDown")
    page.keyboard.press("Enter")
    assert page.text == "had a general council"


def test_continue_writes_words_and_stops(opened):
    page = opened(chain())
    page.write("had a", " general council to consider what measures they could")
    page.page.click("#continue")
    until(lambda: page.page.inner_text("#continue") == "Continue" and len(page.text) > 20)
    predictor = Predictor(chain())
    assert page.text == "had a" + "".join(predictor.generate("had a", 32, no_repeat_ngram=4))
    page.page.fill("#temperature", "1.5")
    assert page.page.inner_text("#variety") == "1.5"
    before = page.text
    page.page.click("#continue")
    until(lambda: page.page.inner_text("#continue") == "Continue")
    assert page.text.startswith(before)
    assert len(page.text) > len(before)


def test_screen_readers_get_names_roles_and_announcements(opened):
    page = opened(chain())
    page.write("had a", " general council to consider what measures they could")
    until(lambda: "Continuation: general council" in page.page.inner_text("#status"))
    assert "general 98" in page.page.inner_text("#status")
    snapshot = page.page.locator("body").aria_snapshot()
    for line in (
        'heading "The fable" [level=1]', 'textbox "Text"', 'button "Accept"', 'button "Continue"', 'slider "Variety',
        'button "Copy"', 'listbox "Next words"', 'option "general 98', 'heading "Next words" [level=2]', "status:",
    ):  # fmt: skip
        assert line in snapshot
    text = page.page.locator("#text")
    assert text.get_attribute("aria-controls") == "list"
    assert "Esc closes suggestions; then Tab leaves" in page.page.inner_text(
        f"#{text.get_attribute('aria-describedby')}"
    )
    assert page.page.get_attribute("html", "lang") == "en"
    assert "general council" not in page.page.locator("main").aria_snapshot().split("status:")[0]  # the gray text


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_contrast_suffices_in_both_color_schemes(opened, color_scheme):
    page = opened(chain(), color_scheme=color_scheme)
    page.write("had a", " general council to consider what measures they could")
    ratios = page.page.evaluate(CONTRAST)
    assert min(ratios.values()) >= 4.5, ratios
    dark = page.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 26)"
    assert dark == (color_scheme == "dark")


@pytest.mark.parametrize("width", [320, 375])
def test_narrow_screen_needs_no_horizontal_scrolling(opened, width):
    page = opened(chain(), width=width, height=640, name="a_" + 30 * "very_" + "long_name")
    page.write("had a general " + 60 * "x")
    page.page.click("summary")
    widest = (
        "Math.max(...Array.from(document.querySelectorAll('main, main *'), (one) => one.getBoundingClientRect().right))"
    )
    assert page.page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.page.evaluate(widest) <= width
    assert (
        page.page.evaluate("Math.min(...Array.from(document.querySelectorAll('button'), (b) => b.offsetHeight))") >= 40
    )


def test_focus_is_visible_and_motion_can_be_off(opened):
    page = opened(chain(), reduced_motion="reduce")
    page.write("had a", " general council to consider what measures they could")
    assert page.page.evaluate("getComputedStyle(document.querySelector('.editor')).boxShadow") != "none"
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    assert page.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.page.focus("#text")
    page.keyboard.type(" ")
    page.page.wait_for_selector(LIST)
    assert page.page.evaluate("getComputedStyle(document.querySelector('#list .bar')).transitionDuration") == "0s"


def test_text_from_right_to_left_is_accepted_with_the_left_arrow(opened):
    text = "\u05d4\u05d9\u05d4 \u05d4\u05d9\u05d4 \u05d7\u05ea\u05d5\u05dc \u05d2\u05d3\u05d5\u05dc ."
    page = opened(chain(text))
    page.write("\u05d7\u05ea\u05d5\u05dc")
    until(lambda: page.ghost.startswith(" \u05d2\u05d3\u05d5\u05dc"))
    before = page.text
    page.keyboard.press("ArrowLeft")
    assert page.text.startswith(before + " \u05d2\u05d3\u05d5\u05dc")


HOSTILE = [
    "</script><script>alert(1)</script>", "<!--<script>", "<img/src=x/onerror=alert(1)>", "{{script}}", "\x00", "\x7f",
    "\u202e", "&lt;", "\\u003c", "__proto__", "constructor", "]]>", "$&", "a\u0301", "\U0001f600", "\ufeff", "'", '"',
]  # fmt: skip


def test_hostile_words_cannot_break_out_of_the_page(opened):
    vocabulary = Vocabulary(
        HOSTILE, list(range(2 * len(HOSTILE), len(HOSTILE), -1)), TextConfig(tokenizer="whitespace")
    )
    model = random_model(vocabulary)
    model.training["metrics"] = {"perplexity": 2.0, "of": "</dd><script>alert(2)</script>"}
    page = opened(model, name="</title><script>alert(3)</script>\u202e\x01")
    page.write("&lt; ")
    expected = Predictor(model).rank("&lt;", 8)
    until(lambda: [*page.words.values()] == pytest.approx([share for _, share in expected], abs=1e-3))
    shown = page.page.evaluate("Array.from(document.querySelectorAll('#list bdi'), (word) => word.textContent)")
    assert shown == [word for word, _ in expected]
    assert page.page.evaluate("document.scripts.length") == 1
    page.page.click("summary")
    assert "</dd><script>alert(2)</script>" in page.page.inner_text("dl")


def test_page_permits_no_request_and_no_other_script(opened):
    page = opened(chain())
    blocked = page.page.evaluate(
        """async () => {
          const violations = [];
          addEventListener("securitypolicyviolation", (event) => violations.push(event.effectiveDirective));
          const script = document.createElement("script");
          script.textContent = "document.title = 'changed'";
          document.body.append(script);
          await fetch("file:///etc/hostname").catch(() => {});
          const image = new Image();
          image.src = "https://example.org/a.png";
          await new Promise((resolve) => setTimeout(resolve, 100));
          return [violations, document.title];
        }"""
    )
    assert {"script-src-elem", "connect-src", "img-src"} <= set(blocked[0])
    assert blocked[1] == "The fable \u2013 next words"
    assert all("Content Security Policy" in problem or "request: https" in problem for problem in page.problems)
    page.problems.clear()


def test_stateful_model_with_line_ends_writes_from_the_start(opened):
    page = opened(chain(FABLE_TEXT.replace(" .", " .\n"), TextConfig(eos=True), stateful=True))
    page.write("they could", " take.")
    assert math.isclose(page.words["take"], 0.98, abs_tol=1e-3)


@pytest.mark.slow
def test_exported_page_of_a_trained_model_opens_and_predicts(trained, tmp_path):
    assert here("export", "fable.html", "--model", str(trained), cwd=tmp_path) == 0
    with chromium_page() as (opened_page, problems):
        page = Page(opened_page, tmp_path / "fable.html", problems)
        page.write("had a ")
        expected = Predictor.load(trained).rank("had a", 1)[0]
        until(lambda: next(iter(page.words), None) == expected.word)
        assert page.words[expected.word] == pytest.approx(expected.probability, rel=0.02)
        assert problems == []
