// Text to tokens: rnnwords/text/tokens in JavaScript. The patterns come from there (see patterns.py).
const UNK = "<unk>", EOS = "<eos>", PHRASE_END = "\u2423";
const SPACES = /[\p{White_Space}\x1c-\x1f]+/v;
const isSpace = (text) => /^[\p{White_Space}\x1c-\x1f]+$/v.test(text);
const PIECE = 500; // characters of a line that are split and cached together, up to the next space

// Tables without inherited names, so that a word such as "constructor" is in none.
function readTables(tables) {
  const bare = (table) => Object.assign(Object.create(null), table);
  return { ...tables, family: bare(tables.family), paired: bare(tables.paired), same: bare(tables.same) };
}

class Tokenizer {
  constructor(text, tables) {
    this.text = text; // settings: tokenizer, lowercase, eos, normalize, rules
    const run = `[${tables.dictionary}]`;
    this.word = new RegExp(tables.word, "gv");
    this.dictionary = new RegExp(run, "v");
    this.dictionaryRun = new RegExp(`^${run}[${tables.dictionary}\\p{M}\\u200c\\u200d]*$`, "v");
    this.phraseEnd = new RegExp(`(?<=${run})(?=${text.eos ? "[\\p{White_Space}--\\n]" : "\\p{White_Space}"})`, "gv");
    this.invisible = new RegExp(`[${tables.invisible}]+`, "gv");
    this.clusters = new Intl.Segmenter("und", { granularity: "grapheme" });
    this.words = new Intl.Segmenter("und", { granularity: "word" });
    this.cache = new Map(); // piece of a text -> its tokens
  }

  normalize(text) {
    const nfc = this.text.normalize === "nfc";
    if (nfc) text = text.replace(this.invisible, "").normalize("NFC");
    if (!this.text.lowercase) return text;
    if (nfc) text = text.replaceAll("\u0130", "i");
    text = text.toLowerCase();
    return nfc ? text.normalize("NFC") : text;
  }

  tokenize(text) {
    text = this.marked(this.normalize(text));
    if (this.text.eos) text = text.replaceAll("\n", ` ${EOS} `);
    if (this.text.tokenizer === "whitespace") return text.split(SPACES).filter(Boolean);
    const tokens = this.matches(text);
    if (this.text.rules === 1 || !this.dictionary.test(text)) return tokens;
    return tokens.flatMap((token) => this.dictionaryRun.test(token) ? this.segments(token) : [token]);
  }

  matches(text) {
    const tokens = [];
    this.word.lastIndex = 0;
    for (let match; (match = this.word.exec(text)) !== null;) {
      let token = match[0];
      if (match.groups?.cluster) { // the first character of a cluster of several
        const [first] = this.clusters.segment(text.slice(match.index, match.index + 100));
        token = first.segment;
        this.word.lastIndex = match.index + token.length;
      }
      tokens.push(token);
    }
    return tokens;
  }

  segments(run) {
    return Array.from(this.words.segment(run), (part) => part.segment);
  }

  marked(text) {
    const marks = this.text.tokenizer === "words" && this.text.rules > 1 && this.dictionary.test(text);
    return marks ? text.replace(this.phraseEnd, PHRASE_END) : text;
  }

  // Each token with whether white space precedes it.
  spaced(text) {
    text = this.marked(text);
    if (this.text.eos) text = text.replaceAll("\n", ` ${EOS} `);
    return text.split(SPACES).filter(Boolean).flatMap((chunk) =>
      (chunk === EOS ? [EOS] : this.cached(chunk)).map((token, place) => [token, place === 0]));
  }

  // All tokens of a long text. No token spans white space, so its pieces are split one by one, and cached.
  all(text) {
    const tokens = [];
    for (let start = 0, end; start < text.length; start = end) {
      const line = text.indexOf("\n", start);
      end = line < 0 ? text.length : line + 1;
      if (end - start > PIECE) {
        const space = text.slice(start + PIECE, end).search(SPACES);
        if (space >= 0) end = start + PIECE + space + 1;
      }
      for (const token of this.cached(text.slice(start, end))) tokens.push(token);
    }
    return tokens;
  }

  cached(piece) {
    let tokens = this.cache.get(piece);
    if (!tokens) {
      if (this.cache.size > 20_000) this.cache.clear();
      this.cache.set(piece, tokens = this.tokenize(piece));
    }
    return tokens;
  }
}
