"""White space between tokens, learned from a text.

The probability of a space in a gap is the share of spaced gaps with the names of both sides (see `gaps`), smoothed by
the probability under the more general names (interpolated back-off, as in n-gram models), and last by the
hand-made rules. Where gaps with the same names are of both kinds, as before a hyphen that is also a dash, a
logistic regression on the tokens around decides.
"""

import functools
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rnnwords.config import TextConfig
from rnnwords.text.spacing import logistic
from rnnwords.text.spacing.gaps import HYPHEN, OPEN, Gap, Gaps, Name, spaced_tokens, with_roles
from rnnwords.text.spacing.quotation import FAMILY, Quotation, around_of, learn_quotation, true_roles
from rnnwords.text.tokens.segmentation import PHRASE_END
from rnnwords.text.tokens.token_kinds import WORD_KINDS, is_mark
from rnnwords.text.tokens.tokenizer import EOS
from rnnwords.text.tokens.word_patterns import DICTIONARY_SCRIPTS

_BACK_OFF = 1.0  # gaps that the more general names count for
_UNKNOWN = 0.5  # gaps of each kind that are added to the counts of one side
_HAND = 0.9  # share of the gaps for which the hand-made rules are taken to be right
_RARE = 200  # gaps with the same names decide if fewer than one in so many is of the rarer kind
_FEW = 8  # gaps with the same names among which one of the rarer kind counts; among more it can be a misprint
_FREQUENT = 4  # count from which a word has a frequency
_MAX_EXAMPLES = 20_000  # of each regression
_MAX_WEIGHTS = 10_000
_SMALLEST = 0.1  # of the weights that are kept
IDEOGRAPHIC = "[\u3000-\u9fff\uff00-\uffef]"  # Chinese and Japanese characters and marks
# Between two of them, with a quotation mark before or after it.
_IDEOGRAPHIC_LINE_END = re.compile(rf"({IDEOGRAPHIC}[\u201d\u2019]*)\s*\n\s*(?=[\u201c\u2018]*{IDEOGRAPHIC})")
Both = tuple[int, int]  # spaced gaps, joined gaps


@dataclass(frozen=True)
class Spacing:
    """The spacing of a text: spaced and joined gaps by their names, weights of features, and quotation marks."""

    counts: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)  # of a joined gap
    quotation: Quotation = field(default_factory=Quotation)
    frequencies: Mapping[str, int] = field(default_factory=dict)  # frequent word -> bits of its count

    @functools.cached_property
    def _sides(self) -> "dict[tuple[str, str], Both]":
        """Spaced and joined gaps by the name on one side and whether a word or a mark is on the other."""
        sides: dict[tuple[str, str], Both] = {}
        for (left, right), both in self.counts.items():
            for pair in ((left, _class(right)), (_class(left), right), (_class(left), _class(right))):
                sides[pair] = _sum(sides.get(pair, (0, 0)), both)
        return sides

    @functools.cached_property
    def _seen(self) -> tuple[set[str], set[str]]:
        """Names on the left, and names on the right."""
        return {left for left, _ in self.counts}, {right for _, right in self.counts}

    @functools.cached_property
    def has_phrases(self) -> bool:
        """Whether the text has words of a script without spaces, in which a space ends a phrase."""
        return not self._seen[0].isdisjoint(script.lower() for script in DICTIONARY_SCRIPTS)

    @functools.cached_property
    def _ambiguous(self) -> set[tuple[str, str]]:
        return ambiguous_pairs(self.counts)

    @functools.cached_property
    def _by_names(self) -> dict[tuple[Name, Name], tuple[Name, Name] | None]:
        return {}

    @functools.cached_property
    def _decided(self) -> dict[tuple[tuple[Name, Name], bool], bool]:
        return {}

    def needs_next(self, gaps: Gaps, token: str) -> bool:
        """Return whether the space before the next token depends on the token after it."""
        if token in FAMILY:
            return self.quotation.is_open_choice(token)
        names = gaps.names(token, "")
        known = self._known(*names) if names else None
        return known is not None and (known[0][0], known[1][0]) in self._ambiguous

    def joins(self, gap: Gap, by_hand: bool) -> bool:
        """Return whether a gap is joined; `by_hand`: by the hand-made rules, for a text with few such gaps."""
        names = self._known(gap.left, gap.right)
        if names is None:
            return by_hand
        if (names[0][0], names[1][0]) in self._ambiguous:
            return logistic.logit(Gap(*names, gap.around).features(self.frequencies), self.weights) > 0
        if (names, by_hand) not in self._decided:
            self._decided[names, by_hand] = self._space(*names, by_hand) < 0.5
        return self._decided[names, by_hand]

    def _known(self, left: Name, right: Name) -> tuple[Name, Name] | None:
        """Return the names on both sides as the text has them.

        None if it has no gap with one of them and any word, or any mark, that the other is.
        """
        if (left, right) not in self._by_names:
            names = None
            before, after = _as_seen(left, self._seen[0]), _as_seen(right, self._seen[1])
            if before and after:
                sides = (before[0], _class(right[0])), (_class(left[0]), after[0])
                names = (before, after) if any(side in self._sides for side in sides) else None
            self._by_names[left, right] = names
        return self._by_names[left, right]

    def _space(self, left: Name, right: Name, by_hand: bool) -> float:
        """Return the probability of a space."""
        general = self._smoothed((left[1], right[1]), self._by_sides(left[0], right[0], by_hand), _BACK_OFF)
        by_right = general if right[0] == right[1] else self._smoothed((left[1], right[0]), general, _BACK_OFF)
        if left[0] == left[1]:
            return by_right
        by_left = self._smoothed((left[0], right[1]), general, _BACK_OFF)
        if right[0] == right[1]:
            return by_left
        return self._smoothed((left[0], right[0]), (by_right + by_left) / 2, _BACK_OFF)

    def _by_sides(self, left: str, right: str, by_hand: bool) -> float:
        """Return the probability of a space, if the two sides and the rules have independent effects (naive Bayes)."""
        before, after = _class(left), _class(right)
        spaced, joined = self._sides.get((before, after), (0, 0))
        prior = (spaced + _UNKNOWN) / (spaced + joined + 2 * _UNKNOWN)
        # A side that was not seen has no effect.
        sides = [_share(self._sides.get(pair, (0, 0)), prior) for pair in ((left, after), (before, right))]
        odds = [logistic.log_odds(share) for share in (*sides, prior)]
        hand = logistic.log_odds(_HAND)
        return logistic.probability(odds[0] + odds[1] - odds[2] + (-hand if by_hand else hand))

    def _smoothed(self, pair: tuple[str, str], prior: float, weight: float) -> float:
        return _share(self.counts.get(pair, (0, 0)), prior, weight)


def _class(name: str) -> str:
    return "any word" if name in WORD_KINDS else "any mark"


def _as_seen(name: Name, seen: set[str]) -> Name | None:
    """Return a name if the text has shown it, else that of an open dash for one that is not, or the other way round."""
    special, general = name
    other = special.removesuffix(OPEN) if special.endswith(OPEN) else special + OPEN
    return next(((one, general) for one in (special, other) if one in seen), None)


def _sum(one: Both, other: Both) -> Both:
    return one[0] + other[0], one[1] + other[1]


def _share(both: Both, prior: float, weight: float = 1.0) -> float:
    """Return the share of spaced gaps, with a prior share that counts as `weight` gaps."""
    return (both[0] + weight * prior) / (sum(both) + weight)


def ambiguous_pairs(counts: Mapping[tuple[str, str], tuple[int, int]]) -> set[tuple[str, str]]:
    """Return the names that do not decide, because enough of their gaps are of the rarer kind."""
    return {pair for pair, both in counts.items() if min(both) > (sum(both) > _FEW) and min(both) * _RARE >= sum(both)}


def learn_spacing(texts: Iterable[str], config: TextConfig) -> Spacing:
    """Return the spacing of a text that comes in pieces; each ends at white space."""
    if not config.eos:  # a line end between ideographs is no space
        texts = (_IDEOGRAPHIC_LINE_END.sub(r"\1", text) for text in texts)
    tokens = list(spaced_tokens(texts, config))
    gaps, counted = Gaps(), Counter[tuple[Name, Name, bool]]()
    places: list[tuple[int, Name, Name, bool]] = []
    roles = list(true_roles(tokens))
    for place, (token, spaced), role in with_roles(tokens, roles):
        if token == EOS and config.eos:
            gaps.line_end()
            continue
        if token == PHRASE_END:
            gaps.phrase_end()
            continue
        if names := gaps.names(token, role):
            left, right = names
            counted[left, right, spaced] += 1
            places.append((place, left, right, spaced))
        gaps.add(token, spaced, role, 0.0)
    table: dict[tuple[str, str], list[int]] = {}
    for (left, right, spaced), count in counted.items():
        for pair in itertools.product(dict.fromkeys(left), dict.fromkeys(right)):
            table.setdefault(pair, [0, 0])[not spaced] += count
    counts = {pair: (spaced, joined) for pair, (spaced, joined) in sorted(table.items())}
    hard = ambiguous_pairs(counts)
    chosen = [one for one in places if (one[1][0], one[2][0]) in hard][:_MAX_EXAMPLES]
    frequencies = _frequencies(tokens) if any(HYPHEN in token for pair in hard for token in pair) else {}
    weights = logistic.fit(
        [
            (Gap(left, right, around_of(tokens, place)).features(frequencies), not spaced)
            for place, left, right, spaced in chosen
        ]
    )
    quotation = learn_quotation(tokens, roles, _MAX_EXAMPLES)
    return Spacing(counts, _largest(weights), Quotation(quotation.counts, _largest(quotation.weights)), frequencies)


def _frequencies(tokens: list[tuple[str, bool]]) -> dict[str, int]:
    """Return frequent word -> bits of its count."""
    totals = Counter(token for token, _ in tokens if not is_mark(token) and token != EOS)
    return {word: count.bit_length() for word, count in sorted(totals.items()) if count >= _FREQUENT}


def _largest(weights: Mapping[str, float]) -> dict[str, float]:
    """Return the weights that decide most, rounded, so that they take little room in a model file."""
    largest = sorted(weights, key=lambda name: -abs(weights[name]))[:_MAX_WEIGHTS]
    return {name: round(weights[name], 2) for name in sorted(largest) if abs(weights[name]) >= _SMALLEST}
