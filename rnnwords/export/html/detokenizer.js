// Tokens to text: rnnwords/text/spacing/hand_rules.py and detokenizer.py in JavaScript.
const CJK = "\u3000"; // from here on, characters and punctuation are written without spaces
const HEAD = 2_000; // characters of a text that are read before the first token
const CONTEXT = 12; // tokens of a chunk that can change how the next one is split

class HandRules {
  constructor(text, tables) {
    this.text = text;
    this.tables = tables;
    this.last = [];
    this.noSpace = true;
    this.open = new Set();
    this.lineEnds = 0;
  }

  joins(token) {
    if (token === EOS && this.text.eos) {
      this.last = [];
      this.noSpace = true;
      this.lineEnds += 1;
      if (this.lineEnds > 1) this.open.clear();
      return true;
    }
    this.lineEnds = 0;
    if (this.tables.elided.includes(token.toLowerCase()) && this.last.at(-1) === "'") this.open.delete("'");
    const [left, right] = this.attachment(token);
    const joined = left || this.noSpace;
    this.last = [...this.last.slice(-3), token];
    this.noSpace = right;
    return joined;
  }

  // Whether the token is written without a space on its left and on its right.
  attachment(token) {
    const tables = this.tables;
    if (token in tables.paired) return this.quotationMark(token);
    const single = [...token].length === 1, kind = single ? category(token) : "";
    if ((single && tables.closing.includes(token)) || tables.contractions.includes(token) || kind === "Pe"
        || (token[0] === "." && !single)) return [true, after(token, CJK)];
    if ((single && tables.opening.includes(token)) || kind === "Ps" || kind === "Pi") {
      this.open.add(token);
      return [this.afterCjk(), true];
    }
    if (tables.joining.includes(token)) {
      const dash = token === "-" && !this.afterWord();
      return [!dash, !dash];
    }
    if (kind === "Pd" && after(token, CJK)) return [true, true];
    if (token === "\u2013") return [this.afterWord() && /^\p{Nd}+$/v.test(this.last.at(-1)), false];
    if (/^\p{Nd}+$/v.test(token)) {
      const number = [...this.last.slice(-2), token].join("");
      return [/^(\p{Nd}+[.:\u2013]\p{Nd}+|\p{Nd}{1,3},\p{Nd}{3})$/v.test(number), false];
    }
    if (single && letterKind(token) === IDEOGRAPH) return [this.afterCjk(), true];
    return [false, false];
  }

  quotationMark(token) {
    const closes = this.tables.paired[token];
    if ("'\u2019".includes(token) && this.afterWord()) {
      this.open.delete(closes);
      return [true, false];
    }
    const last = this.last.at(-1), closing = this.open.has(closes) && last !== ":" && last !== token;
    this.open.delete(closes);
    if (closing) return [true, false];
    this.open.add(token);
    return [this.afterCjk(), true];
  }

  afterWord() {
    const last = this.last.at(-1);
    return last !== undefined && (last === UNK || /[\p{L}\p{M}\p{N}]$/v.test(last));
  }

  afterCjk() {
    return this.last.slice(-3).some((token) => after([...token].at(-1), CJK));
  }
}

// Whether a text is not before another one, in the order of code points.
const after = (one, other) => one.codePointAt(0) >= other.codePointAt(0);

class Detokenizer {
  constructor(tokenizer, spacing, tables, before = "") {
    Object.assign(this, { tokenizer, spacing, text: tokenizer.text });
    this.hand = new HandRules(this.text, tables);
    this.gaps = new Gaps(tables);
    this.quotation = spacing?.quotation ?? new Quotation(tables.family);
    this.chunk = []; // the tokens since a space
    this.recent = ["", ""]; // the last two tokens of the line
    this.pending = null; // a token whose space depends on the one after it
    this.read(before.slice(-HEAD));
  }

  read(before) {
    const tokens = this.tokenizer.spaced(before), roles = this.quotation.roles(tokens);
    tokens.forEach(([token, spaced], place) => {
      this.hand.joins(token);
      if (token === EOS && this.text.eos) this.endLine();
      else if (this.endsPhrase(token)) this.endPhrase();
      else this.add(token, spaced, roles[place], Number(roles[place] === OPENING));
    });
  }

  // The text of the next token and of one that was pending, as far as it is certain.
  push(token) {
    let text = "";
    if (this.pending !== null) text = this.piece(this.pending, token);
    const waits = this.spacing && token !== EOS && token !== PHRASE_END && this.spacing.needsNext(this.gaps, token);
    this.pending = waits ? token : null;
    return waits ? text : text + this.piece(token, "");
  }

  flush() {
    const text = this.pending === null ? "" : this.piece(this.pending, "");
    this.pending = null;
    return text;
  }

  piece(token, following) {
    let joined = this.hand.joins(token), role = "", opening = 0;
    if (token === EOS && this.text.eos) {
      this.endLine();
      return "\n";
    }
    if (this.endsPhrase(token)) {
      this.endPhrase();
      return " ";
    }
    if (token === PHRASE_END && !this.chunk.length && this.spacing?.hasPhrases) return "";
    if (this.spacing) {
      const around = [...this.recent, token, following === EOS ? "" : following];
      const family = this.gaps.family[token];
      if (family) {
        opening = this.quotation.probability(token, around, this.gaps.wasOpen.get(family) ?? 0);
        role = opening > 0.5 ? OPENING : CLOSING;
      }
      const names = this.gaps.names(token, role);
      if (names) joined = this.spacing.joins(...names, around, joined);
    }
    joined = this.chunk.length > 0 && joined && this.isReversible(token);
    const space = this.chunk.length && !joined ? " " : "";
    this.add(token, !joined, role, opening);
    return space + token;
  }

  add(token, spaced, role, opening) {
    this.gaps.add(token, spaced, role, opening);
    this.recent = [this.recent[1], token];
    this.chunk = spaced ? [token] : [...this.chunk.slice(-CONTEXT), token];
  }

  endsPhrase(token) {
    return token === PHRASE_END && this.chunk.length > 0 && this.tokenizer.dictionary.test(this.chunk.at(-1));
  }

  endPhrase() {
    this.gaps.phraseEnd();
    this.chunk = [];
  }

  endLine() {
    this.gaps.lineEnd();
    this.recent = ["", ""];
    this.chunk = [];
  }

  // Whether the last tokens, with this one joined to them, are split into themselves.
  isReversible(token) {
    const { tokenizer, chunk } = this, tables = this.hand.tables;
    if (this.text.tokenizer === "whitespace") {
      return ([...token].length === 1 && tables.closing.includes(token)) || tables.contractions.includes(token);
    }
    if (tokenizer.dictionary.test(token) && tokenizer.dictionary.test(chunk.at(-1))) return true;
    const links = chunk.some((one) => one.length === 1 && "@#/:".includes(one));
    const together = [...chunk.slice(links ? -CONTEXT : -3), token];
    const again = tokenizer.cached(together.join(""));
    return again.length === together.length && again.every((one, place) => one === together[place]);
  }
}
