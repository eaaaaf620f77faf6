"""Which quotation marks open and which close, from the words around them and the marks before.

Each mark has a role, opening or closing. In a text with the marks “ and ” the mark gives the role; the straight mark
gives none. Then a logistic regression on the tokens around it gives the odds, and the role of the mark before changes
them, as in a hidden Markov model whose state is filtered forward: an opening mark is usually followed by a closing
one. The state is a probability, so that a text with a missing mark is read correctly again soon after it.
"""

import functools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rnnwords.text.spacing import logistic
from rnnwords.text.tokens.token_kinds import shape
from rnnwords.text.tokens.word_patterns import EOS

# Marks that open or close one another have one family.
_FAMILIES = (
    '"',
    "'",
    "_",
    "*",
    "`",
    "\u201c\u201d\u201e",
    "\u2018\u2019\u201a",
    "\u00ab\u00bb",
    "\u2039\u203a",
    "\uff02",
    "$",  # formulas of LaTeX
)
FAMILY = {mark: family for family in _FAMILIES for mark in family}
OPENING, CLOSING = "opening", "closing"
Around = tuple[str, str, str, str]  # tokens: two before a place, two after it; "" beyond the ends of a line
Role = tuple[int, str, str]  # place of a quotation mark, its role, and that of the mark before in its family
SpacedTokens = Sequence[tuple[str, bool]]  # tokens, each with whether white space precedes it
_SMOOTHING = 0.5
_RARE = 200  # a mark with fewer than one in so many of one role has the other


@dataclass(frozen=True)
class Quotation:
    """Roles of quotation marks: counts by the role before, and the weights of the features of an opening mark."""

    # (mark, role before in its family) -> opening and closing marks
    counts: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    def is_open_choice(self, mark: str) -> bool:
        """Return whether a mark has both roles, so that the token after it counts."""
        return min(self._totals.get(mark, (0, 0))) > 0

    def probability(self, mark: str, around: Around, was_open: float) -> float:
        """Return the probability that a mark opens, if the mark before in its family opened by `was_open`."""
        opening, closing = self._totals.get(mark, (0, 0))
        if not opening or not closing:
            return float(opening > 0) if opening or closing else 1.0 - was_open
        prior = opening / (opening + closing)
        after = {role: self._share(mark, role) for role in (OPENING, CLOSING)}
        expected = was_open * after[OPENING] + (1 - was_open) * after[CLOSING]
        evidence = logistic.logit(features(mark, around), self.weights) - logistic.log_odds(prior)
        return logistic.probability(evidence + logistic.log_odds(expected))

    def _share(self, mark: str, before: str) -> float:
        """Return the share of opening marks after a mark of the role `before`."""
        opening, closing = self.counts.get((mark, before), (0, 0))
        return (opening + _SMOOTHING) / (opening + closing + 2 * _SMOOTHING)

    @functools.cached_property
    def _totals(self) -> dict[str, tuple[int, int]]:
        """mark -> opening and closing marks; 0 of a role so rare that it does not count."""
        totals: dict[str, tuple[int, int]] = {}
        for (mark, _), (opening, closing) in self.counts.items():
            earlier = totals.get(mark, (0, 0))
            totals[mark] = earlier[0] + opening, earlier[1] + closing
        return {
            mark: tuple(0 if one * _RARE < sum(both) else one for one in both)  # type: ignore[misc]
            for mark, both in totals.items()
        }


def features(mark: str, around: Around) -> list[str]:
    """Return the features of a mark between two tokens on each side (the mark itself is the third of `around`)."""
    earlier, last, _, following = around
    before, after = shape(last), shape(following)
    parts = [
        "", f"1 {earlier}", f"2 {last}", f"3 {following}", f"4 {before}", f"5 {after}", f"6 {before} {after}",
        f"7 {shape(earlier)} {before}", f"8 {last} {following}", f"9 {before} {following}", f"10 {earlier} {before}",
        f"11 {shape(earlier)} {before} {after}",
    ]  # fmt: skip
    return [f"{mark}\t{part}" for part in parts]


def learn_quotation(tokens: SpacedTokens, roles: Iterable[Role], limit: int) -> Quotation:
    """Return what decides on the `roles` of the quotation marks of a text; at most `limit` of them are examples."""
    counts: Counter[tuple[str, str, str]] = Counter()
    examples: list[tuple[str, Around, bool]] = []
    for place, role, before in roles:
        mark = tokens[place][0]
        counts[mark, before, role] += 1
        if len(examples) < limit:
            examples.append((mark, around_of(tokens, place), role == OPENING))
    pairs = sorted({(mark, before) for mark, before, _ in counts})
    table = {
        (mark, before): (counts[mark, before, OPENING], counts[mark, before, CLOSING]) for mark, before in pairs
    }  # fmt: skip
    both = Quotation(table)
    chosen = [(features(mark, around), opens) for mark, around, opens in examples if both.is_open_choice(mark)]
    return Quotation(table, logistic.fit(chosen))


def true_roles(tokens: SpacedTokens) -> Iterator[Role]:
    """Yield the place of each quotation mark of a text, its role and that of the mark before in its family.

    A space on one side only shows the role; else roles alternate. A blank line (two line ends) closes all quotations.
    """
    last: dict[str, str] = {}
    line_ends = 0
    for place, (token, spaced) in enumerate(tokens):
        line_ends = line_ends + 1 if token == EOS else 0
        if line_ends > 1:
            last.clear()
        family = FAMILY.get(token)
        if family is None:
            continue
        spaced = spaced or place == 0 or tokens[place - 1][0] == EOS
        then = place + 1 == len(tokens) or tokens[place + 1][1] or tokens[place + 1][0] == EOS
        before = last.get(family, CLOSING)
        role = (OPENING if spaced else CLOSING) if spaced != then else CLOSING if before == OPENING else OPENING
        yield place, role, before
        last[family] = role


def around_of(tokens: SpacedTokens, place: int) -> Around:
    """Return the two tokens before a place and the two after it."""
    near = [tokens[one][0] if 0 <= one < len(tokens) else "" for one in range(place - 2, place + 2)]
    if near[1] == EOS:
        near[0] = near[1] = ""
    earlier, last, token, following = ("" if one == EOS else one for one in near)
    return earlier, last, token, following
