// White space between tokens, as the training text has it: rnnwords/text/spacing in JavaScript.
const HYPHEN = "-", OPEN = " open", OPENING = "opening", CLOSING = "closing";
const NUMBER = "number", WORD = "word", IDEOGRAPH = "ideograph";
const SCRIPTS = ["Thai", "Lao", "Khmer", "Myanmar", "Javanese", "Balinese"];
const CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co Cs".split(" ")
  .map((name) => [name, new RegExp(`^\\p{${name}}`, "v")]);
const SCRIPT_PATTERNS = [
  ...SCRIPTS.map((name) => [name.toLowerCase(), new RegExp(`^\\p{sc=${name}}`, "v")]),
  [IDEOGRAPH, /^(?![\u3005\u3006\u303b\uff66-\uff9d])(?:[[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]&&\p{L}]|[\u309b\u309c\u30a0\u30fb\u30fc])/v],
];
const WORD_KINDS = new Set([NUMBER, WORD, IDEOGRAPH, ...SCRIPTS.map((name) => name.toLowerCase())]);
const memo = (compute) => {
  const known = new Map();
  return (key) => {
    if (!known.has(key)) known.set(key, compute(key));
    return known.get(key);
  };
};
const category = memo((character) => (CATEGORIES.find(([, pattern]) => pattern.test(character)) ?? ["Cn"])[0]);
const isMark = memo((token) => token !== EOS && !/[\p{L}\p{N}]/v.test(token));
const letterKind = (letter) => {
  if (/^[\p{N}--\p{L}]/v.test(letter)) return NUMBER;
  if (letter < "\u0e00") return WORD;
  return (SCRIPT_PATTERNS.find(([, pattern]) => pattern.test(letter)) ?? [WORD])[0];
};
const markKind = (token) => token.codePointAt(0) >= 0x1f000 ? "emoji" : category(token);
const kindAtStart = memo((token) => isMark(token) ? markKind(token) : letterKind(token.match(/[\p{L}\p{N}]/v)[0]));
const kindAtEnd = memo((token) => isMark(token) ? markKind(token) : letterKind(token.match(/[\p{L}\p{N}]/gv).at(-1)));
const shape = memo((token) => {
  if (!token || isMark(token)) return token;
  return `${kindAtStart(token)} ${/^\p{Uppercase}/v.test(token) ? "A" : "a"}${[...token].length === 1 ? 1 : 2}`;
});
const part = (text, first, last) => [...text].slice(first, last).join(""); // by characters, as Python cuts texts
const pair = (left, right) => `${left}\t${right}`;
const logit = (features, weights) => features.reduce((sum, name) => sum + (weights.get(name) ?? 0), 0);
const probability = (odds) => 1 / (1 + Math.exp(-Math.max(-30, Math.min(30, odds))));
const logOdds = (share) => Math.log(share / (1 - share));
const shareOf = ([spaced, joined], prior) => (spaced + prior) / (spaced + joined + 1);
const classOf = (name) => WORD_KINDS.has(name) ? "any word" : "any mark";

// The lines of a text in which each one begins with the number of characters that it shares with the one before.
function frontDecoded(text) {
  let before = "";
  return text.split("\n").map((line) => before = before.slice(0, parseInt(line[0], 36)) + line.slice(1));
}

class Spacing {
  constructor(lines, family) {
    this.counts = new Map();
    this.weights = new Map();
    this.frequencies = new Map();
    this.quotation = new Quotation(family);
    for (const line of lines) {
      const [kind, ...names] = line.split("\t");
      if (kind === "gap" || kind === "quotation") {
        const counts = kind === "gap" ? this.counts : this.quotation.counts;
        counts.set(pair(names[0], names[1]), [Number(names[2]), Number(names[3])]);
      } else {
        const value = Number(names.pop());
        const table = { weight: this.weights, opening: this.quotation.weights, frequent: this.frequencies }[kind];
        table.set(names.join("\t"), value);
      }
    }
    this.sides = new Map();
    this.seen = [new Set(), new Set()];
    this.ambiguous = new Set();
    for (const [name, both] of this.counts) {
      const [left, right] = name.split("\t"), total = both[0] + both[1], rarer = Math.min(...both);
      for (const side of [pair(left, classOf(right)), pair(classOf(left), right), pair(classOf(left), classOf(right))]) {
        const sum = this.sides.get(side) ?? [0, 0];
        this.sides.set(side, [sum[0] + both[0], sum[1] + both[1]]);
      }
      this.seen[0].add(left);
      this.seen[1].add(right);
      if (rarer > (total > 8 ? 1 : 0) && rarer * 200 >= total) this.ambiguous.add(name);
    }
    this.hasPhrases = ["thai", "lao", "khmer", "myanmar"].some((name) => this.seen[0].has(name));
  }

  needsNext(gaps, token) {
    if (this.quotation.family[token]) return this.quotation.isOpenChoice(token);
    const names = gaps.names(token, ""), known = names && this.known(...names);
    return Boolean(known) && this.ambiguous.has(pair(known[0][0], known[1][0]));
  }

  joins(left, right, around, byHand) {
    const names = this.known(left, right);
    if (!names) return byHand;
    if (this.ambiguous.has(pair(names[0][0], names[1][0]))) {
      return logit(this.features(...names, around), this.weights) > 0;
    }
    return this.space(...names, byHand) < 0.5;
  }

  known(left, right) {
    const before = asSeen(left, this.seen[0]), after = asSeen(right, this.seen[1]);
    if (!before || !after) return null;
    const sides = [pair(before[0], classOf(right[0])), pair(classOf(left[0]), after[0])];
    return sides.some((side) => this.sides.has(side)) ? [before, after] : null;
  }

  space(left, right, byHand) {
    const smoothed = (one, other, prior) => shareOf(this.counts.get(pair(one, other)) ?? [0, 0], prior);
    const general = smoothed(left[1], right[1], this.bySides(left[0], right[0], byHand));
    const byRight = right[0] === right[1] ? general : smoothed(left[1], right[0], general);
    if (left[0] === left[1]) return byRight;
    const byLeft = smoothed(left[0], right[1], general);
    return right[0] === right[1] ? byLeft : smoothed(left[0], right[0], (byRight + byLeft) / 2);
  }

  bySides(left, right, byHand) {
    const before = classOf(left), after = classOf(right);
    const [spaced, joined] = this.sides.get(pair(before, after)) ?? [0, 0];
    const prior = (spaced + 0.5) / (spaced + joined + 1);
    const odds = [pair(left, after), pair(before, right)].map((side) =>
      logOdds(shareOf(this.sides.get(side) ?? [0, 0], prior)));
    return probability(odds[0] + odds[1] - logOdds(prior) + (byHand ? -1 : 1) * logOdds(0.9));
  }

  features(left, right, [earlier, last, token, following]) {
    const first = shape(earlier), before = shape(last), after = shape(following);
    const parts = [
      "", `1 ${earlier}`, `2 ${last}`, `3 ${following}`, `4 ${first}`, `5 ${before}`, `6 ${after}`,
      `7 ${last} ${following}`, `8 ${before} ${after}`, `9 ${part(last, -3)}`, `10 ${part(following, 0, 3)}`,
      `11 ${part(following, -3)}`, `12 ${part(last, -2)} ${part(following, 0, 2)}`, `13 ${earlier} ${before}`,
      `14 ${part(following, 0, 1)}`, `15 ${part(following, 0, 2)}`,
    ];
    if (last === HYPHEN || token === HYPHEN) {
      const [near, far] = (token === HYPHEN ? [last, following] : [earlier, token])
        .map((word) => this.frequencies.get(word) ?? 0);
      parts.push(`20 ${near}`, `21 ${far}`, `22 ${near} ${far}`);
    }
    if (!isMark(token)) {
      parts.push(`16 ${token}`, `17 ${part(token, 0, 1)}`, `18 ${part(token, 0, 2)}`, `19 ${earlier} ${token}`);
    }
    return parts.map((name) => `${left[0]}\t${right[0]}\t${name}`);
  }
}

const asSeen = ([special, general], seen) => {
  const other = special.endsWith(OPEN) ? special.slice(0, -OPEN.length) : special + OPEN;
  const found = [special, other].find((one) => seen.has(one));
  return found === undefined ? null : [found, general];
};

// The tokens of a text before a gap: the name of the last one, and which quotations and dashes are open.
class Gaps {
  constructor(tables) {
    this.family = tables.family;
    this.dashes = tables.dashes;
    this.left = null;
    this.afterNumber = false;
    this.lastKind = "";
    this.wasOpen = new Map();
    this.dash = null;
    this.openDashes = new Set();
    this.lineEnds = 0;
  }

  names(token, role) {
    if (this.left === null) return null;
    const general = kindAtStart(token);
    if (isMark(token)) return [this.left, [this.special(token, role), general]];
    const isPart = general === NUMBER && this.afterNumber;
    return [isPart ? this.left.map((name) => NUMBER + name) : this.left, [general, general]];
  }

  add(token, spaced, role, opening) {
    this.settle(spaced);
    this.lineEnds = 0;
    const general = kindAtEnd(token);
    this.afterNumber = this.lastKind === NUMBER && !spaced;
    this.lastKind = general;
    if (!isMark(token)) {
      this.left = [general, general];
      return;
    }
    const space = spaced ? " " : "";
    this.left = [space + this.special(token, role), space + general];
    if (this.family[token]) this.wasOpen.set(this.family[token], opening);
    else if (this.dashes.includes(token)) this.dash = [token, spaced];
  }

  lineEnd() {
    this.phraseEnd();
    this.lineEnds += 1;
    if (this.lineEnds > 1) {
      this.wasOpen.clear();
      this.openDashes.clear();
    }
  }

  phraseEnd() {
    this.settle(true);
    this.left = null;
  }

  special(mark, role) {
    if (this.family[mark]) return `${mark} ${role}`;
    return this.openDashes.has(mark) ? mark + OPEN : mark;
  }

  settle(spaced) {
    if (this.dash && this.dash[1] !== spaced) {
      if (this.dash[1]) this.openDashes.add(this.dash[0]);
      else this.openDashes.delete(this.dash[0]);
    }
    this.dash = null;
  }
}
