// Roles of quotation marks: rnnwords/text/spacing/quotation.py in JavaScript.
class Quotation {
  constructor(family) {
    this.family = family; // mark -> the marks that open or close one another
    this.counts = new Map(); // mark and the role before in its family -> opening and closing marks
    this.weights = new Map();
  }

  get totals() {
    if (!this.known) {
      this.known = new Map();
      for (const [name, both] of this.counts) {
        const mark = name.split("\t")[0], sum = this.known.get(mark) ?? [0, 0];
        this.known.set(mark, [sum[0] + both[0], sum[1] + both[1]]);
      }
      for (const [mark, both] of this.known) {
        this.known.set(mark, both.map((one) => one * 200 < both[0] + both[1] ? 0 : one));
      }
    }
    return this.known;
  }

  isOpenChoice(mark) {
    return Math.min(...(this.totals.get(mark) ?? [0, 0])) > 0;
  }

  probability(mark, around, wasOpen) {
    const [opening, closing] = this.totals.get(mark) ?? [0, 0];
    if (!opening || !closing) return opening || closing ? Number(opening > 0) : 1 - wasOpen;
    const after = (role) => {
      const [one, other] = this.counts.get(pair(mark, role)) ?? [0, 0];
      return (one + 0.5) / (one + other + 1);
    };
    const expected = wasOpen * after(OPENING) + (1 - wasOpen) * after(CLOSING);
    const evidence = logit(this.features(mark, around), this.weights) - logOdds(opening / (opening + closing));
    return probability(evidence + logOdds(expected));
  }

  features(mark, [earlier, last, , following]) {
    const first = shape(earlier), before = shape(last), after = shape(following);
    return [
      "", `1 ${earlier}`, `2 ${last}`, `3 ${following}`, `4 ${before}`, `5 ${after}`, `6 ${before} ${after}`,
      `7 ${first} ${before}`, `8 ${last} ${following}`, `9 ${before} ${following}`, `10 ${earlier} ${before}`,
      `11 ${first} ${before} ${after}`,
    ].map((name) => pair(mark, name));
  }

  // The role of each quotation mark of a text, by place; "" for other tokens.
  roles(tokens) {
    const last = new Map();
    let lineEnds = 0;
    return tokens.map(([token, spaced], place) => {
      lineEnds = token === EOS ? lineEnds + 1 : 0;
      if (lineEnds > 1) last.clear();
      const family = this.family[token];
      if (!family) return "";
      const before = last.get(family) ?? CLOSING, next = tokens[place + 1];
      const space = spaced || place === 0 || tokens[place - 1][0] === EOS;
      const spaceAfter = !next || next[1] || next[0] === EOS;
      const role = space !== spaceAfter ? (space ? OPENING : CLOSING) : before === OPENING ? CLOSING : OPENING;
      last.set(family, role);
      return role;
    });
  }
}
