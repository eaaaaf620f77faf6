"""One form per word: canonical composition (NFC), no invisible characters, and lower case if it is set."""

import re
import unicodedata

from rnnwords.config import TextConfig

# Characters that no reader sees and that would make two words of one: the soft hyphen, the zero-width space, marks of
# writing direction, word joiners and byte-order marks. The joiners U+200C and U+200D stay: Persian words, conjuncts of
# Indic scripts and emoji sequences have them.
INVISIBLE = "\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
_INVISIBLE_PATTERN = re.compile(f"[{INVISIBLE}]+")
_DOTTED_I = "\u0130"  # Turkish capital I with dot: its lower case is i, where str.lower adds a combining dot


def normalize(text: str, config: TextConfig) -> str:
    """Return a text in the one form that its words have: by `config.normalize` and `config.lowercase`. Idempotent."""
    composed = config.normalize == "nfc"
    if composed and not text.isascii():
        text = unicodedata.normalize("NFC", _INVISIBLE_PATTERN.sub("", text))
    if config.lowercase:
        if composed and _DOTTED_I in text:
            text = text.replace(_DOTTED_I, "i")
        text = text.lower()
        if composed and not text.isascii():
            text = unicodedata.normalize("NFC", text)
    return text
