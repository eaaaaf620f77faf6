"""A browser with the page, or with its program alone, to compare it with Python."""

import base64
import json

import pytest

from rnnwords.export.html import write
from rnnwords.export.html.assembly import model_json, worker_script
from rnnwords.export.html.tables import text_tables
from rnnwords.export.html.weights import encode
from rnnwords.prediction.predictor import Predictor
from rnnwords.text.spacing.spacing_lines import spacing_lines
from tests.browser import chromium_page
from tests.export.html.pages import Page

LOAD = """([data, weights]) => {
  const model = JSON.parse(data);
  predictor = new Predictor(model, readWeights(bytesOf(weights), model.entries));
}"""
TOKENIZER = """([settings, tables, lines]) => {
  globalThis.tables = readTables(tables);
  globalThis.tokenizer = new Tokenizer(settings, tables);
  globalThis.spacing = lines.length ? new Spacing(lines, tables.family) : null;
}"""


class Program:
    """The program of the worker, in an empty page."""

    def __init__(self, page):
        self.page = page
        page.add_script_tag(content=worker_script().replace("onmessage = async", "globalThis.onanswer = async"))

    def load(self, model, precision="float16"):
        """Make `predictor` of a model."""
        weights = base64.b64encode(encode(model.network, model.weights, precision)).decode()
        self.page.evaluate(LOAD, [model_json(model, precision), weights])

    def load_text(self, config, spacing=None):
        """Make `tokenizer` and `spacing` of settings of a text."""
        lines = spacing_lines(spacing) if spacing else []
        self.page.evaluate(TOKENIZER, [config.to_json(), json.loads(json.dumps(text_tables(config))), lines])

    def __call__(self, function, argument=None):
        """Return what a function gives for an argument."""
        return self.page.evaluate(function, argument)


@pytest.fixture(scope="module")
def program():
    """Yield the program of the worker."""
    with chromium_page() as (page, problems):
        yield Program(page)
        assert not problems


@pytest.fixture
def opened(tmp_path):
    """Return a function that writes the page of a model, and opens it; after the test no problems may be noted."""
    entered = []

    def open_page(model, weights="float16", name="The fable", **settings):
        path = tmp_path / "a page.html"
        write(Predictor(model), path, weights, name)
        context = chromium_page(**settings)
        page, problems = context.__enter__()
        entered.append((context, page, problems))
        return Page(page, path, problems)

    yield open_page
    for context, page, problems in entered:
        failed = page.query_selector(".problem")
        context.__exit__(None, None, None)
        assert problems == []
        assert failed is None
