// What the page shows: the gray text, the list, and messages.
const ANNOUNCE_AFTER = 700; // milliseconds without a key, so that a screen reader does not speak at each letter
const COPIED_FOR = 1500;
const $ = (id) => document.getElementById(id);
const text = $("text"), mirror = $("mirror"), list = $("list"), message = $("message"), status = $("status");
const accept = $("accept"), more = $("continue"), temperature = $("temperature"), copy = $("copy");

let request = 0; // number of the last request; answers to earlier ones are ignored
let answered = 0; // number of the last request that is answered as a whole
let entries = []; // of the list
let active = -1; // the chosen place in the list
let ghost = []; // pieces of the gray text
let isWriting = false;
let announcement = 0; // a timer

const hasCaret = () => text.selectionStart === text.selectionEnd;
const before = () => text.value.slice(0, text.selectionStart);
const isAtEnd = () => hasCaret() && text.selectionStart === text.value.length;
const percent = (share) => {
  if (share > 0 && share < 0.001) return "<0.1\u202f%";
  return `${(share * 100).toFixed(share < 0.0995 ? 1 : 0)}\u202f%`;
};

function showGhost() {
  const shown = active < 0 ? ghost.join("") : ""; // a chosen word would change it
  const gray = document.createElement("span");
  gray.textContent = shown;
  mirror.replaceChildren(text.value, gray, "\u200b"); // so that an empty last line has a height
  accept.disabled = isWriting || (shown === "" && active < 0);
  Object.assign(text.dataset, { ghost: shown, waits: answered < request }); // tests wait for them
}

function showList() {
  const largest = Math.max(0.2, ...entries.map((entry) => entry.probability)); // so that small ones can be compared
  list.replaceChildren(...entries.map((entry, place) => {
    const item = document.createElement("li"), bar = document.createElement("span");
    const word = document.createElement("bdi"), share = document.createElement("span");
    item.id = `word-${place}`;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", String(place === active));
    item.dataset.probability = entry.probability;
    bar.className = "bar";
    bar.style.width = `${(100 * entry.probability) / largest}%`;
    word.textContent = entry.word;
    share.className = "share";
    share.textContent = percent(entry.probability);
    item.append(bar, word, " ", share);
    item.addEventListener("pointerdown", (event) => event.preventDefault()); // the text keeps the focus
    item.addEventListener("click", () => take(place));
    return item;
  }));
  if (active >= 0) text.setAttribute("aria-activedescendant", `word-${active}`);
  else text.removeAttribute("aria-activedescendant");
}

function clear() {
  entries = [];
  ghost = [];
  active = -1;
  showList();
  showGhost();
  clearTimeout(announcement);
}

function choose(place) {
  active = place;
  showList();
  showGhost();
  list.children[active]?.scrollIntoView({ block: "nearest" });
}

function announce() {
  clearTimeout(announcement);
  if (document.activeElement !== text) return;
  announcement = setTimeout(() => {
    const words = entries.slice(0, 3).map((entry) => `${entry.word} ${percent(entry.probability)}`);
    const gray = ghost.join("").trim();
    status.textContent = [
      words.length ? `${entries.length === 1 ? "1 suggestion" : `${entries.length} suggestions`}: ${words.join(", ")}.`
        : "No suggestions.",
      gray ? `Continuation: ${gray}` : "",
    ].join(" ");
  }, ANNOUNCE_AFTER);
}

function say(line, isProblem = false) {
  message.textContent = line;
  message.classList.toggle("problem", isProblem);
  if (isProblem) status.textContent = line;
}
