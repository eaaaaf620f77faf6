"""Assembly of the page: its parts in this directory, the model, and a policy that forbids all requests.

Scripts and styles are permitted by their SHA-256 alone, so that nothing in a vocabulary can become one.
"""

import base64
import hashlib
import html
import itertools
import json
import re
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

import numpy as np

from rnnwords.export.html.facts import facts, summary
from rnnwords.export.html.tables import text_tables
from rnnwords.export.html.weights import Precision, encode, entries
from rnnwords.model_file import Model
from rnnwords.text.spacing.spacing_lines import spacing_lines
from rnnwords.version import __version__

WORKER_PARTS = (
    "tokenizer.js", "spacing.js", "quotation.js", "detokenizer.js", "network.js", "prefixes.js",
    "predictor.js", "worker.js",
)  # fmt: skip
PAGE_PARTS = ("view.js", "page.js", "keys.js")
_PLACE = re.compile(r"\{\{(\w+)\}\}")
_COMMENT = re.compile(r"\s*//|\s*$")
# Characters of JSON that HTML could misread or that editors could hide: they are written as \uXXXX.
_ESCAPED = re.compile("[<>&\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff]")
NAME = "Language model"  # of a model without a name


def page(model: Model, precision: Precision, name: str | None = None, excluded: frozenset[int] = frozenset()) -> str:
    """Return the whole page. `excluded` are the ids of words that it never offers."""
    style, script = _part("page.css"), "\n".join(map(_script, PAGE_PARTS))
    scripts = f"'sha256-{_digest(script)}'"
    policy = (
        f"default-src 'none'; script-src {scripts}; style-src 'sha256-{_digest(style)}'; worker-src blob:; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    values = {
        "policy": policy,
        "version": html.escape(__version__),
        "name": html.escape(_visible(name or NAME)),
        "summary": html.escape(summary(model)),
        "facts": "\n".join(
            f"<dt>{html.escape(term)}</dt><dd>{html.escape(_visible(value))}</dd>"
            for term, value in facts(model, precision, name)
        ),
        "css": style,
        "script": script,
        "worker": worker_script(),
        "model": model_json(model, precision, excluded),
        "weights": base64.b64encode(encode(model.network, model.weights, precision)).decode(),
    }
    return _PLACE.sub(lambda place: values[place[1]], _part("page.html"))


def worker_script() -> str:
    """Return the program of the worker."""
    return "\n".join(['"use strict";', *map(_script, WORKER_PARTS)])


def model_json(model: Model, precision: Precision, excluded: frozenset[int] = frozenset()) -> str:
    """Return everything of a model but its weights, as JSON that is safe within HTML."""
    vocabulary = model.vocabulary
    first = [] if vocabulary.eos_id is None else [vocabulary.eos_id]
    values = {
        "network": model.network.to_json(),
        "text": vocabulary.text.to_json(),
        "precision": precision,
        "entries": [entry[:4] for entry in entries(model.network, precision)],
        "first": first,  # ids before the first word of a text
        "counts": [] if first else list(vocabulary.counts),  # they are the prediction before any word
        "words": list(vocabulary.words),
        "excluded": sorted(excluded),
        "spacing": front_coded(spacing_lines(vocabulary.spacing)) if vocabulary.spacing else "",
        "tables": text_tables(vocabulary.text),
    }
    return safe_json(values)


def front_coded(lines: Iterable[str]) -> str:
    """Return lines in half the space: one digit (base 36) for the characters shared with the line before, and the rest.

    Only characters of one UTF-16 unit are shared, so that Python and JavaScript count alike.
    """
    parts, before = [], ""
    for line in lines:
        pairs = zip(line[:35], before, strict=False)
        shared = sum(1 for _ in itertools.takewhile(lambda both: both[0] == both[1] < "\U00010000", pairs))
        parts.append(f"{np.base_repr(shared, 36)}{line[shared:]}")
        before = line
    return "\n".join(parts)


def safe_json(value: Any) -> str:
    """Return JSON without characters that could end an element of HTML."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _ESCAPED.sub(lambda character: f"\\u{ord(character[0]):04x}", text)


def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _script(name: str) -> str:
    """Return a script without comments on lines of their own, blank lines and indentation."""
    return "\n".join(line.strip() for line in _part(name).split("\n") if not _COMMENT.match(line))


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _visible(text: str) -> str:
    """Return a text on one line, without control characters and marks of direction."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
