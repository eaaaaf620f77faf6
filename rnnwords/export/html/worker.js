// The worker: it computes, so that the page stays responsive. A new message ends the work on the one before.
const MENU = 8; // words of the list
const GHOST = 8; // words of a continuation, which also ends with a sentence

class Outdated extends Error {}

let predictor = null, current = 0, since = 0;
const channel = new MessageChannel();
const turns = [];
channel.port1.onmessage = () => turns.shift()();
// Wait until waiting messages were received. (A timer would wait for 4 ms.)
const turn = () => new Promise((resolve) => {
  turns.push(resolve);
  channel.port2.postMessage(null);
});

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const bytes = new Uint8Array((base64.length / 4) * 3);
  let size = 0;
  for (let start = 0; start < base64.length; start += 1 << 20) { // a multiple of 4
    const part = atob(base64.slice(start, start + (1 << 20)));
    for (let place = 0; place < part.length; place++) bytes[size++] = part.charCodeAt(place);
  }
  return bytes.subarray(0, size);
}

// Pieces without empty ones, and without the space before the first where the text ends with one.
async function* withoutSpace(pieces, text) {
  let isFirst = text === "" || isSpace(text.at(-1));
  for await (let piece of pieces) {
    if (isFirst) piece = piece.replace(/^ +/, "");
    if (piece) {
      isFirst = false;
      yield piece;
    }
  }
}

const handlers = {
  load({ data, weights }) {
    const model = JSON.parse(data);
    predictor = new Predictor(model, readWeights(bytesOf(weights), model.entries));
    postMessage({ type: "ready" });
  },

  async suggest({ id, text, ghost }, pause) {
    const entries = await predictor.entries(text, MENU, pause);
    postMessage({ type: "entries", id, entries });
    const first = ghost && entries.length ? predictor.beginning(text, entries) : null;
    const pieces = first ? [first] : [];
    if (first !== null && predictor.encode(text + first).length + predictor.lm.first.length) {
      const continuation = predictor.continuation(text + first, { count: GHOST, sentence: true, pause });
      for await (const piece of withoutSpace(continuation, text + first)) {
        pieces.push(piece);
        postMessage({ type: "ghost", id, pieces, done: false });
      }
    }
    postMessage({ type: "ghost", id, pieces, done: true });
  },

  async write({ id, text, count, temperature }, pause) {
    const continuation = predictor.continuation(text, { count, temperature, lineEnds: true, pause });
    for await (const piece of withoutSpace(continuation, text)) postMessage({ type: "written", id, piece, done: false });
    postMessage({ type: "written", id, piece: "", done: true });
  },

  stop() {},
};

onmessage = async ({ data: message }) => {
  current = message.id ?? current;
  const own = current;
  const pause = async () => {
    if (performance.now() - since > PAUSE) {
      await turn();
      since = performance.now();
    }
    if (own !== current) throw new Outdated();
  };
  try {
    await handlers[message.type](message, pause);
  } catch (error) {
    if (!(error instanceof Outdated)) postMessage({ type: "error", text: String(error) });
  }
};
