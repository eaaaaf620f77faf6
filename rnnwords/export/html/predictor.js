// Next words, completions and continuations of a text: rnnwords/prediction in JavaScript.
const PROMPT_WORDS = 1_000; // that a network without a window reads of a new text
const KEPT_STATES = 512; // of the last words of a text, and one in 64 of the earlier ones
const KEPT_DISTRIBUTIONS = 64;
const MAX_STATES = 4_096;
const MIN_PROBABILITY = 0.001;
const NO_REPEAT = 4; // words of an n-gram that a continuation has only once
const PAUSE = 12; // milliseconds of computing between two looks at new messages

// A text as far as it was read: the id of its last word, and what the network computed.
class Place {
  constructor(parent, id) {
    Object.assign(this, { parent, id, depth: parent ? parent.depth + 1 : 0, state: null, logProbs: null });
    this.children = new Map();
  }

  child(id) {
    if (!this.children.has(id)) this.children.set(id, new Place(this, id));
    return this.children.get(id);
  }
}

// The language model. It reads each word once: places that begin alike share what was computed.
class LanguageModel {
  constructor(network, first, counts) {
    Object.assign(this, { network, first, counts });
    this.window = network.config.mode === "stateful" ? null : network.config.window;
    this.origin = 0; // the word of the text at which reading began
    this.reset();
  }

  reset() {
    this.root = new Place(null, null);
    this.computed = 0;
    this.recent = []; // places with distributions
  }

  // Natural log-probabilities after these ids. `pause` is called often; it may throw to stop the work.
  async logProbs(ids, pause) {
    const all = [...this.first, ...ids];
    const place = this.window ? this.path(all.slice(-this.window)) : this.longPath(all);
    if (place.logProbs) return place.logProbs;
    await this.read(place, pause);
    place.logProbs = place.state ? this.network.logProbs(place.state) : this.unigram();
    this.recent.push(place);
    if (this.recent.length > KEPT_DISTRIBUTIONS) this.recent.shift().logProbs = null;
    return place.logProbs;
  }

  path(ids) {
    return ids.reduce((place, id) => place.child(id), this.root);
  }

  // Of a long text that was not read yet, only the end is read, and then what follows it.
  longPath(ids) {
    if (this.origin > ids.length) this.origin = 0;
    let place = this.path(ids.slice(this.origin));
    if (place.depth - this.nearest(place).depth > PROMPT_WORDS) {
      this.reset();
      this.origin = ids.length - PROMPT_WORDS;
      place = this.path(ids.slice(this.origin));
    }
    return place;
  }

  nearest(place) {
    while (place.parent && !place.state) place = place.parent;
    return place;
  }

  async read(place, pause) {
    const waiting = [];
    for (let one = place; one.parent && !one.state; one = one.parent) waiting.push(one);
    for (const one of waiting.reverse()) {
      await pause();
      one.state = this.network.step(one.id, one.parent.state);
      this.computed += 1;
    }
    if (this.computed > MAX_STATES) this.prune(place);
  }

  // Keep only the places before this one, and of the early ones few states.
  prune(place) {
    for (const one of this.recent) one.logProbs = null;
    this.recent = [];
    this.computed = 0;
    for (let one = place; one.parent; one = one.parent) {
      one.parent.children = new Map([[one.id, one]]);
      if (place.depth - one.depth > KEPT_STATES && one.depth % 64) one.state = null;
      else this.computed += 1;
    }
    if (this.computed > MAX_STATES) this.reset();
  }

  unigram() {
    const total = this.counts.reduce((sum, count) => sum + count + 1, 0);
    return Float64Array.from(this.counts, (count) => Math.log((count + 1) / total));
  }
}

class Predictor {
  constructor(data, weights) {
    const tables = readTables(data.tables);
    Object.assign(this, { words: data.words, text: data.text, tables });
    this.ids = new Map(this.words.map((word, id) => [word, id]));
    this.unk = this.ids.get(UNK);
    this.eos = this.text.eos ? this.ids.get(EOS) : undefined;
    this.hidden = new Set([...data.excluded, ...(this.unk === undefined ? [] : [this.unk])]); // never offered
    this.tokenizer = new Tokenizer(data.text, tables);
    this.spacing = data.spacing ? new Spacing(frontDecoded(data.spacing), tables.family) : null;
    this.lm = new LanguageModel(new Network(data.network, weights), data.first, data.counts);
    this.prefixes = new PrefixIndex(this.words, this.hidden, this.tokenizer, tables);
  }

  // Words outside the vocabulary are read as <unk>, or left out where there is none.
  encode(text) {
    return this.tokenizer.all(text).map((word) => this.ids.get(word) ?? this.unk).filter((id) => id !== undefined);
  }

  // The `count` best words after a text, each with its probability; with a prefix, the best ones that match it.
  async rank(text, prefix, count, pause) {
    const logProbs = await this.lm.logProbs(this.encode(text), pause);
    if (prefix) return this.prefixes.rank(logProbs, prefix, count + 1).filter(([word]) => word !== EOS).slice(0, count);
    const best = [];
    this.words.forEach((word, id) => {
      if (this.hidden.has(id) || word === EOS || !(best.length < count || logProbs[id] > best.at(-1)[1])) return;
      const place = best.findIndex(([, value]) => value < logProbs[id]);
      best.splice(place < 0 ? best.length : place, 0, [word, logProbs[id]]);
      best.length = Math.min(best.length, count);
    });
    return best.map(([word, value]) => [word, Math.exp(value)]).filter(([, share], place) => !place || share >= MIN_PROBABILITY);
  }

  // Words to offer at the end of a text: completions of the word that it ends in or, if that is whole, next words. Each
  // has `word`, `probability`, and `text`, which replaces the last `replaced` characters.
  async entries(text, count, pause) {
    const [before, started] = this.started(text);
    if (started) {
      const known = this.ids.has(this.folded(started)), fold = (word) => this.prefixes.fold(word);
      let found = await this.rank(before, started, count, pause);
      const isLonger = ([word]) => fold(word).startsWith(fold(started)) && fold(word) !== fold(started);
      if (known && !found.some(isLonger)) found = [];
      if (found.length) {
        return found.map(([word, probability]) => {
          const offered = this.prefixes.offered(word, started);
          return { word: offered, probability, text: offered, replaced: started.length };
        });
      }
      if (/[\p{L}\p{N}]$/v.test(started) && !known) return [];
    }
    return (await this.rank(text, "", count, pause)).map(([word, probability]) => this.next(text, word, probability));
  }

  // A next word with the space before it; where none belongs, it replaces a typed one.
  next(text, word, probability) {
    const before = text.replace(/ +$/, ""), line = text.slice(text.lastIndexOf("\n") + 1);
    if (!line || !before || /[\r\n]$/.test(before)) return { word, probability, text: word, replaced: 0 };
    const detokenizer = new Detokenizer(this.tokenizer, this.spacing, this.tables, before.slice(-300));
    const piece = detokenizer.push(word) + detokenizer.flush();
    return { word, probability, text: piece, replaced: line.length - line.replace(/ +$/, "").length };
  }

  // The text up to the word that it ends in, and that word, which is empty after a space.
  started(text) {
    const line = text.slice(text.lastIndexOf("\n") + 1), end = line.slice(-100), words = this.tokenizer.cached(end);
    if (!words.length || isSpace(end.at(-1))) return [text, ""];
    let word = words.at(-1);
    const folded = this.folded(end);
    if ("'\u2019".includes(word) && words.length > 1 && folded.endsWith(words.at(-2) + word)) word = words.at(-2) + word;
    if (!folded.endsWith(word)) return [text, ""];
    return [text.slice(0, -word.length), text.slice(-word.length)];
  }

  folded(text) {
    return this.text.lowercase ? text.toLowerCase() : text;
  }

  // With what a continuation of a text with these entries begins; null where none can follow.
  beginning(text, entries) {
    const started = this.started(text)[1];
    if (started && !entries.length) return null;
    if (started && entries[0].replaced) {
      return entries[0].text.startsWith(started) ? entries[0].text.slice(started.length) : null;
    }
    if (/ $/.test(text)) return entries.find((entry) => entry.text.startsWith(" "))?.text.trimStart() ?? "";
    return "";
  }

  // Yield the pieces of the most probable continuation, or of one drawn at a temperature above 0; they add up to it.
  async *continuation(text, { count, pause, temperature = 0, sentence = false, lineEnds = false }) {
    const detokenizer = new Detokenizer(this.tokenizer, this.spacing, this.tables, text), ids = this.encode(text);
    for (let number = 0; number < count; number++) {
      const logProbs = await this.lm.logProbs(ids, pause);
      const id = temperature > 0 ? this.draw(logProbs, temperature, lineEnds) : this.best(logProbs, ids);
      const word = this.words[id];
      if (id === undefined || (word === EOS && !lineEnds)) break;
      yield detokenizer.push(word);
      if (sentence && this.tables.sentenceEnds.includes(word)) break;
      ids.push(id);
    }
    yield detokenizer.flush();
  }

  best(logProbs, ids) {
    const prefix = ids.slice(1 - NO_REPEAT), repeats = new Set();
    for (let end = NO_REPEAT - 1; end < ids.length && prefix.length === NO_REPEAT - 1; end++) {
      if (prefix.every((id, place) => ids[end - prefix.length + place] === id)) repeats.add(ids[end]);
    }
    const choose = (banned) => {
      let best;
      for (let id = 0; id < logProbs.length; id++) {
        if (!this.hidden.has(id) && !banned.has(id) && !(logProbs[id] <= logProbs[best])) best = id;
      }
      return best;
    };
    return choose(repeats) ?? choose(new Set());
  }

  draw(logProbs, temperature, lineEnds) {
    const isAllowed = (id) => !this.hidden.has(id) && (lineEnds || id !== this.eos);
    const allowed = Array.from(logProbs, (value, id) => isAllowed(id) ? value : -Infinity);
    const largest = allowed.reduce((one, other) => Math.max(one, other), -Infinity);
    const weights = allowed.map((value) => Math.exp((value - largest) / temperature));
    let rest = Math.random() * weights.reduce((sum, weight) => sum + weight, 0);
    return weights.findIndex((weight) => (rest -= weight) < 0);
  }
}
