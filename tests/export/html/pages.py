"""An opened page in a browser: typing, and what it shows."""

import time

from tests.processes import LIMIT

LIST = "#list li"


def until(condition):
    """Wait until a condition holds. (The policy of the page forbids Playwright's own way.)"""
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


class Page:
    """An opened page."""

    def __init__(self, page, path, problems):
        self.page, self.keyboard, self.problems = page, page.keyboard, problems
        page.goto(path.as_uri())
        page.wait_for_selector(LIST)

    @property
    def text(self):
        return self.page.input_value("#text")

    @property
    def ghost(self):
        return self.page.get_attribute("#text", "data-ghost")

    @property
    def words(self):
        return {
            item.query_selector("bdi").inner_text(): float(item.get_attribute("data-probability"))
            for item in self.page.query_selector_all(LIST)
        }

    @property
    def focused(self):
        return self.page.evaluate("document.activeElement.id")

    def write(self, text, ghost=None):
        """Type a text at the caret, wait for the suggestions, and compare the gray text if it is given."""
        self.page.focus("#text")
        self.keyboard.type(text)
        until(lambda: self.page.get_attribute("#text", "data-waits") == "false")
        if ghost is not None:
            assert self.ghost == ghost
