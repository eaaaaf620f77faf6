"""Markdown to prose: markdown-it-py makes HTML of it, whose prose is that of any page."""

import re

from rnnwords.errors import CorpusError
from rnnwords.text.formats.source import Source, whole
from rnnwords.text.formats.web_page import prose

MAX_SIZE = 16 << 20  # bytes
_FRONT_MATTER = re.compile(
    r"\s*(?:---[ \t]*\n(?:\s*(?:#.*)?\n)*[ \t]*[\w\"'-][^\n:]*:(?:[ \t][^\n]*)?\n(?:.*\n)*?(?:---|\.\.\.)[ \t]*(?:\n|$)"
    r"|---[ \t]*\n\s*---[ \t]*(?:\n|$)"
    r"|\+\+\+[ \t]*\n(?:.*\n)*?\+\+\+[ \t]*(?:\n|$))"
)
# Marks of more than ten lists and quotations in each other; the time that they take grows with their third power.
_DEEP = re.compile(r"^([ \t]*(?:(?:[-*+>]|\d{1,9}[.)])[ \t]*){10})(?:(?:[-*+>]|\d{1,9}[.)])[ \t]*)+", re.MULTILINE)
_INDENTED = re.compile(r"^([ \t]{24})[ \t]+", re.MULTILINE)  # as deep
_FOOTNOTE = re.compile(r"^ {0,3}\[\^[^\]\s]+\]:[ \t]*", re.MULTILINE)  # which CommonMark takes for the target of a link
# Markup of common extensions that CommonMark takes for text -> what stays of it.
_EXTENSIONS = (
    (re.compile(r"!\[\[[^\]\n]*\]\]"), ""),  # embedded file
    (re.compile(r"\[\[(?:[^\]|\n]*\|)?([^\]|\n]+)\]\]"), r"\1"),  # link of a wiki: its label
    (re.compile(r"\[\^[^\]\s]+\]:?"), ""),  # footnote
    (re.compile(r"^\[[ xX]\] "), ""),  # item of a task list
    (re.compile(r"^\[!\w+\][+-]?"), ""),  # kind of a callout
    (re.compile(r"[ \t]*\{[#.:][^{}\n]*\}"), ""),  # attributes
    (re.compile(r"\{\{[<%].*?[%>]\}\}"), ""),  # shortcode
    (re.compile(r"^:{3,}.*$", re.MULTILINE), ""),  # fence of a division
    (re.compile(r"==(\S(?:[^=\n]*\S)?)=="), r"\1"),  # highlight
)


def text_of_markdown(source: Source) -> str:
    """Return the prose of a Markdown file, without its front matter."""
    from markdown_it import MarkdownIt

    text = _FRONT_MATTER.sub("", whole(source, MAX_SIZE), count=1)
    text = _FOOTNOTE.sub("", _INDENTED.sub(r"\1", _DEEP.sub(r"\1", text)))
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    try:
        tokens = parser.parse(text)
        for token in tokens:
            for child in token.children or ():
                if child.type == "text":
                    child.content = _plain(child.content)
                elif child.type == "image":
                    child.children = []
        return prose(parser.renderer.render(tokens, parser.options, {}), source.read.keep_code)
    except RecursionError as error:
        raise CorpusError(f"{source.name}: expected Markdown with less depth; convert it to plain text") from error


def _plain(text: str) -> str:
    for pattern, kept in _EXTENSIONS:
        text = pattern.sub(kept, text)
    return text
