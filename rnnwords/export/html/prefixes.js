// Words by what was typed of them: rnnwords/prediction/prefixes.py in JavaScript.
class PrefixIndex {
  constructor(words, hidden, tokenizer, tables) {
    Object.assign(this, { words, hidden, tokenizer, same: tables.same });
    this.removed = new RegExp(`[${tables.diacritics}\\p{Cf}\\ufe00-\\ufe0f\\u0640]+`, "gv");
    this.folded = words.map((word) => this.fold(word));
  }

  // A text without case, diacritics and invisible characters, with straight quotation marks.
  fold(text) {
    if (/^[\x00-\x7f]*$/.test(text)) return text.toLowerCase().replaceAll("`", "'");
    text = text.replaceAll("\u00b4", "'").normalize("NFKD").replaceAll("\u0345", "");
    text = text.toUpperCase().toLowerCase().replaceAll("\u03c2", "\u03c3").normalize("NFKD"); // STRASSE, strasse
    return [...text].map((letter) => this.same[letter] || letter).join("").replace(this.removed, "");
  }

  // Ids of the words that match a prefix: as typed, alike, with one typing error; and words offered in the same letters.
  candidates(prefix) {
    prefix = this.tokenizer.normalize(prefix);
    const folded = this.fold(prefix).trim(), tiers = [[], [], []];
    this.words.forEach((word, id) => {
      if (this.hidden.has(id)) return;
      const begins = word.startsWith(prefix);
      if (!folded ? begins : this.folded[id].startsWith(folded)) tiers[begins ? 0 : 1].push(id);
      else if (folded && isMistyped(this.folded[id], folded)) tiers[2].push(id);
    });
    return tiers;
  }

  // The `count` best words that match a prefix, with their probabilities among all that do.
  rank(logProbs, prefix, count) {
    const tiers = this.candidates(prefix), ids = tiers.flat(), best = new Map(), shares = new Map();
    const largest = ids.reduce((most, id) => Math.max(most, logProbs[id]), -Infinity);
    const total = ids.reduce((sum, id) => sum + Math.exp(logProbs[id] - largest), 0);
    const capitals = /\p{Uppercase}/v.test(prefix);
    for (const id of ids) {
      const key = capitals ? `${this.folded[id]}\t${this.offered(this.words[id], prefix)}` : id;
      if (!best.has(key)) best.set(key, id);
      const first = best.get(key);
      shares.set(first, (shares.get(first) ?? 0) + Math.exp(logProbs[id] - largest) / total);
    }
    return tiers.flatMap((tier) => tier.filter((id) => shares.has(id)).sort((one, other) =>
      shares.get(other) - shares.get(one) || one - other)).slice(0, count).map((id) => [this.words[id], shares.get(id)]);
  }

  // A word in the case that the typed prefix shows; capitals of the word stay.
  offered(word, prefix) {
    prefix = prefix.normalize("NFC");
    const isUpper = (letter) => /^\p{Uppercase}$/v.test(letter);
    const cased = [...prefix].filter((letter) => isUpper(letter) || /^\p{Lowercase}$/v.test(letter));
    if (!cased.some(isUpper)) return word;
    const turkish = prefix.includes("\u0130");
    if (cased.length > 1 && cased.every(isUpper)) {
      return (turkish ? word.replaceAll("i", "\u0130").replaceAll("\u0131", "I") : word).toUpperCase();
    }
    let typed = [...prefix];
    const letters = [...word];
    if (this.fold(letters.slice(0, typed.length).join("")) !== this.fold(prefix)) typed = typed.slice(0, 1);
    return letters.map((own, place) => {
      if (place >= typed.length || !isUpper(typed[place])) return own;
      return "i\u0131".includes(own) && "I\u0130".includes(typed[place]) ? typed[place] : own.toUpperCase();
    }).join("");
  }
}

// Whether a folded word begins with what was meant by a folded prefix with one error: two swapped letters, a letter too
// many, a missing one or a wrong one. A number has no errors.
function isMistyped(word, prefix) {
  const size = prefix.length;
  if (size < 3 || size > 50 || !/\p{L}/v.test(prefix) || /\p{N}/v.test(prefix)) return false;
  let at = 0;
  while (word[at] === prefix[at]) at++; // they differ somewhere
  if (at < size - 1 && word.startsWith(prefix[at + 1] + prefix[at] + prefix.slice(at + 2), at)) return true;
  if (size < 4) return false;
  const rest = prefix.slice(at + 1);
  if (word.startsWith(rest, at)) return true;
  return rest !== "" && at < word.length && (word.startsWith(rest, at + 1) || word.startsWith(prefix.slice(at), at + 1));
}
