// The page: what was written goes to a worker, which computes (see worker.js), and its answers are shown.
const CONTINUE_WORDS = 32;
const BUSY_AFTER = 400; // milliseconds, so that quick answers do not flicker
// The rest of a word after the caret, in scripts that separate words by spaces.
const REST = /^[[\p{L}\p{M}\p{N}]--[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]]+/v;

let worker = null;
let isReady = false;
let listed = 0; // number of the request that the list belongs to
let busy = 0; // a timer
let spaces = 0; // at the end of the text, which give way to a continuation that begins with a mark
let last = "", caret = 0; // the text and the place of the caret when they changed last

// Ask for suggestions at the caret.
function suggest() {
  request += 1;
  active = -1;
  showGhost();
  if (!isReady) return;
  clearTimeout(busy);
  busy = setTimeout(() => {
    list.setAttribute("aria-busy", "true");
    say("Computing…");
  }, BUSY_AFTER);
  worker.postMessage({ type: "suggest", id: request, text: before(), ghost: isAtEnd() });
}

// Ignore the answers that are still to come.
function withdraw() {
  request += 1;
  answered = request;
  clearTimeout(busy);
  list.removeAttribute("aria-busy");
  if (isReady) say("");
}

// After a change of the text: what was typed is taken off the gray text, until the answer comes.
function changed() {
  caret = text.selectionStart;
  const typed = text.value.startsWith(last) ? text.value.slice(last.length) : null;
  ghost = typed !== null && isAtEnd() && ghost.join("").startsWith(typed) ? dropped(typed.length) : [];
  last = text.value;
  if (isReady) say("");
  suggest();
}

// The pieces of the gray text without its first characters.
function dropped(count) {
  return ghost.map((piece) => {
    const rest = piece.slice(count);
    count = Math.max(0, count - piece.length);
    return rest;
  }).filter(Boolean);
}

// Put a text in place of characters before and after the caret, so that it can be undone.
function insert(added, replaced = 0, rest = 0) {
  text.focus();
  const start = text.selectionStart - replaced, end = text.selectionStart + rest;
  text.setSelectionRange(start, end);
  if (!document.execCommand("insertText", false, added)) {
    text.setRangeText(added, start, end, "end");
    changed();
  }
}

function take(place) {
  if (listed !== request) return; // the list is that of an earlier text
  let { replaced, text: added } = entries[place];
  const rest = replaced ? text.value.slice(text.selectionStart).match(REST)?.[0].length : 0;
  const typed = before().slice(before().length - replaced);
  for (; replaced && typed.at(-replaced) === " " && added.startsWith(" "); replaced--) added = added.slice(1);
  insert(added, replaced, rest);
}

const answers = {
  ready() {
    isReady = true;
    say("");
    more.disabled = false;
    suggest();
  },

  entries(answer) {
    clearTimeout(busy);
    list.removeAttribute("aria-busy");
    entries = answer.entries;
    listed = answer.id;
    say(entries.length ? "" : "No word of the vocabulary fits.");
    showList();
    announce();
  },

  ghost({ pieces, done }) {
    const shown = pieces.join("");
    if (!done && ghost.join("").startsWith(shown)) return; // no flicker while it grows again
    ghost = pieces;
    if (done) answered = request;
    showGhost();
    if (done) announce();
  },

  written({ piece, done }) {
    if (!ghost.length && spaces && piece.startsWith(" ")) { // a typed space is the one before the first word
      piece = piece.trimStart();
      spaces = 0;
    }
    if (piece) ghost.push(piece);
    showGhost();
    if (done) stopWriting();
  },

  error({ text: problem }) {
    if (isWriting) stopWriting();
    withdraw();
    say(`The model cannot compute: ${problem}`, true);
  },
};

// What is written grows as gray text. In the end it is put in at once, so that one step undoes it.
function startWriting() {
  if (document.activeElement === text) more.focus(); // some browsers give a clicked button no focus
  clear();
  isWriting = true;
  request += 1;
  more.textContent = "Stop";
  showGhost();
  const value = text.value.replace(/(?<=\S) +$/, "");
  spaces = text.value.length - value.length;
  worker.postMessage({
    type: "write", id: request, text: value, count: CONTINUE_WORDS, temperature: Number(temperature.value),
  });
}

function stopWriting() {
  const focused = document.activeElement, written = ghost.join("");
  isWriting = false;
  more.textContent = "Continue";
  status.textContent = "The text was continued.";
  text.setSelectionRange(text.value.length, text.value.length);
  if (!written) {
    suggest();
    return;
  }
  insert(written, spaces);
  if (focused === document.body) text.blur();
  else focused.focus({ preventScroll: true });
}

function fail(problem) {
  isReady = false;
  more.disabled = true;
  withdraw();
  say(`This browser cannot run the model: ${problem}`, true);
}

try {
  const source = new Blob([$("worker").textContent], { type: "text/javascript" });
  worker = new Worker(URL.createObjectURL(source));
  worker.onerror = (event) => fail(event.message || "it may be too old");
  worker.onmessage = ({ data: answer }) => {
    if (answer.id === undefined || answer.id === request) answers[answer.type](answer);
  };
  worker.postMessage({ type: "load", data: $("model").textContent, weights: $("weights").textContent });
  for (const id of ["weights", "model", "worker"]) $(id).remove(); // they take as much memory again
} catch (error) {
  fail(error.message);
}
changed(); // a browser may restore what was written, some after the script
addEventListener("pageshow", () => { if (text.value !== last) changed(); });
