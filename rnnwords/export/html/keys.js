// Keys, buttons, and the caret.
const arrowForward = () => getComputedStyle(text).direction === "rtl" ? "ArrowLeft" : "ArrowRight"; // as one writes

// Whether a key was used here; others keep their meaning.
function used(event) {
  const { key, altKey, shiftKey, ctrlKey, metaKey } = event;
  if (key === "Escape" && (entries.length || ghost.length)) {
    withdraw();
    clear();
    status.textContent = "Suggestions closed.";
    return true;
  }
  if (ctrlKey || metaKey || shiftKey) return false;
  if (ghost.length && isAtEnd() && active < 0) {
    const pieces = altKey ? ghost.slice(0, 1) : ghost;
    if (key === arrowForward() || (!altKey && (key === "Tab" || key === "End"))) {
      insert(pieces.join(""));
      return true;
    }
  }
  if (!entries.length) return false;
  if (key === "ArrowDown" && (altKey || active >= 0 || isAtEnd())) {
    choose((active + 1) % entries.length);
    return true;
  }
  if (altKey || active < 0) return false;
  if (key === "ArrowUp") choose(active - 1);
  else if (key === "Enter" || key === "Tab") take(active);
  else return false;
  return true;
}

text.addEventListener("keydown", (event) => {
  if (!event.isComposing && used(event)) event.preventDefault();
});
text.addEventListener("input", changed);
text.addEventListener("focus", () => { if (isWriting) stopWriting(); }); // what is typed then follows what was written
document.addEventListener("selectionchange", () => {
  if (document.activeElement !== text || text.value !== last) return; // a change of the text comes as `input`
  if (hasCaret() && caret === text.selectionStart) return;
  caret = hasCaret() ? text.selectionStart : -1;
  clear();
  if (hasCaret()) suggest();
  else withdraw();
});
accept.addEventListener("click", () => active < 0 ? insert(ghost.join("")) : take(active));
more.addEventListener("click", () => isWriting ? stopWriting() : startWriting());
temperature.addEventListener("input", () => { $("variety").textContent = temperature.value; });
copy.addEventListener("click", async () => {
  const isCopied = await navigator.clipboard?.writeText(text.value).then(() => true, () => false) || copySelected();
  status.textContent = copy.textContent = isCopied ? "Copied" : "Not copied";
  setTimeout(() => { copy.textContent = "Copy"; }, COPIED_FOR);
});

// A browser may forbid a page from disk to use the clipboard, except for what is selected.
function copySelected() {
  const { selectionStart, selectionEnd } = text;
  text.select();
  const isCopied = document.execCommand("copy");
  text.setSelectionRange(selectionStart, selectionEnd);
  copy.focus();
  return isCopied;
}
