"""The program of the page gives what Python gives: tokens, spaces, probabilities, completions and continuations."""

import itertools
import random

import numpy as np
import pytest

from rnnwords.config import TextConfig
from rnnwords.export.html.assembly import front_coded
from rnnwords.prediction.completions import Completions
from rnnwords.prediction.predictor import Predictor
from rnnwords.prediction.prefixes import fold, offered
from rnnwords.text.spacing.detokenizer import detokenize, pieces
from rnnwords.text.spacing.learned import learn_spacing
from rnnwords.text.tokens.tokenizer import tokenize
from rnnwords.text.vocabulary import Vocabulary
from tests.models import chain, random_model
from tests.texts import FABLES, ROOT

CONFIGS = [
    TextConfig(),
    TextConfig(lowercase=True, eos=True),
    TextConfig(tokenizer="whitespace"),
    TextConfig(rules=1, normalize="none"),
    TextConfig(rules=1, normalize="none", lowercase=True, eos=True),
]
NAMES = ["rules 2", "lowercase and eos", "whitespace", "rules 1", "rules 1, lowercase and eos"]
PARTS = [
    "a", "B", "\u00e9", "e\u0301", "\u00df", "\u0130", "\u0131", "\u03a3", "\u03c2", "1", "20", "\u0663", "\u4e00",
    "\u4e8c", "\u304b", "\u30ab\u30fc", "\uff76\uff9e", "\ud55c", "\uae00", "\u0e01\u0e32\u0e23", "\u0e44\u0e17\u0e22",
    "\u0e9e\u0eb2\u0eaa\u0eb2", "\u1797\u17b6\u179f\u17b6", "\u1019\u103c\u1014\u103a\u1019\u102c", "\u05d0\u05d1",
    "\u05f3", '"', "'", "\u2019", "\u2018", "\u201c", "\u201d", ".", ",", ":", "-", "--", "_", "*", "=", "&", "@", "#",
    "/", "http://", "www.", "x.y", "\U0001f600", "\U0001f469\u200d\U0001f467", "\U0001f3fd", "\U0001f1e9", "\U0001f1ea",
    "\u200d", "\u200c", "\u00ad", "\u200b", " ", " ", "\n", "\t", "\u00a0", "\u2028", "\x1c", "\x85", "\u00b0", "C",
    "<unk>", "<eos>", "<", "\u0928\u092e", "\u0938\u094d\u0924\u0947", "\ua9b2", "\u0600", "\u2167", "\u00b2", "\u00bd",
    "em", "tis", "'tis", "n't", "U.S.", "R&D", "A&B&Cd", "e.g.", "(", ")", "[", "%", "$", "\u0301", "\u093f", "\u2044",
    "\u30fb", "\u301c", "\u3005", "\u3007",
]  # fmt: skip
LANGUAGES = sorted((ROOT / "tests" / "text" / "spacing" / "languages").glob("*.txt"))
PIECES = """([[...rows]]) => rows.map(([before, tokens]) => {
  const detokenizer = new Detokenizer(tokenizer, spacing, tables, before);
  return tokens.map((token) => detokenizer.push(token)).join("") + detokenizer.flush();
})"""


def odd_texts(count):
    """Return random texts of characters of many scripts."""
    draw = random.Random(1)
    return ["".join(draw.choices(PARTS, k=draw.randint(1, 12))) for _ in range(count)]


@pytest.mark.parametrize("config", CONFIGS, ids=NAMES)
def test_page_and_python_split_texts_into_the_same_tokens(program, config):
    program.load_text(config)
    texts = [*odd_texts(1_500), *(path.read_text() for path in LANGUAGES), FABLES.read_text()[:20_000]]
    found = program("(texts) => texts.map((text) => [tokenizer.tokenize(text), tokenizer.all(text)])", texts)
    for text, (whole, in_pieces) in zip(texts, found, strict=True):
        assert whole == in_pieces == tokenize(text, config), ascii(text[:100])


def test_words_with_names_of_javascript_are_spaced_as_words(program):
    tokens = ["the", "constructor", "toString", "__proto__", "valueOf", "."]
    for spacing in (None, learn_spacing(["the cat sat . the cat ( a cat ) sat ."], TextConfig())):
        program.load_text(TextConfig(), spacing)
        assert program(PIECES, [[["", tokens]]]) == [detokenize(tokens, TextConfig(), spacing)]


def test_front_coded_lines_are_decoded(program):
    lines = ["weight\ta\tb\t1", "weight\ta\tb\t2", "", "\U0001f600x", "\U0001f601x", "\U0001f601xy", 50 * "a", 51 * "a"]
    assert program("(text) => frontDecoded(text)", front_coded(lines)) == lines


@pytest.mark.parametrize("path", [*LANGUAGES, FABLES], ids=lambda path: path.stem)
def test_page_and_python_write_the_same_spaces(program, path):
    text = path.read_text()[:15_000]
    for eos, learned in itertools.product((False, True), (False, True)):
        config = TextConfig(eos=eos)
        spacing = learn_spacing([text], config) if learned else None
        program.load_text(config, spacing)
        tokens, draw = tokenize(text[:5_000], config), random.Random(2)
        rows: list[tuple[str, list[str]]] = [("", tokens)] + [("", draw.choices(tokens, k=40)) for _ in range(10)]
        for _ in range(20):
            end, start = draw.randrange(len(text)), draw.randrange(len(tokens))
            rows.append((text[max(0, end - 300) : end], tokens[start : start + 6]))
        for (before, some), found in zip(rows, program(PIECES, [rows]), strict=True):
            assert found == "".join(pieces(some, config, spacing, before))
        assert program(PIECES, [rows[:1]]) == [detokenize(tokens, config, spacing)]


NETWORKS = [
    {"cell": "lstm", "layers": 2},
    {"cell": "gru", "layers": 2, "mode": "stateful"},
    {"cell": "simple", "layers": 1, "tie": True, "embedding": 8},
    {"cell": "lstm", "layers": 1, "tie": True, "embedding": 6, "mode": "stateful"},
    {"cell": "lstm", "layers": 2, "input": "one-hot"},
    {"cell": "gru", "layers": 1, "input": "one-hot", "mode": "stateful"},
    {"cell": "lstm", "layers": 2, "input": "scalar"},
    {"cell": "lstm", "layers": 2, "softmax": "adaptive", "units": 18},
]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda one: " ".join(map(str, one.values())))
@pytest.mark.parametrize("eos", [False, True], ids=["", "eos"])
def test_page_and_python_compute_the_same_probabilities(program, network, eos):
    names = [f"w{number}" for number in range(58)] + (["<unk>", "<eos>"] if eos else ["x", "y"])
    vocabulary = Vocabulary(names, list(range(180, 120, -1)), TextConfig(eos=eos))
    model, draw = random_model(vocabulary, **network), random.Random(3)
    program.load(model)
    predictor = Predictor(model)
    texts = ["", "w1", "w1 w2\nw3 unknown"] + [" ".join(draw.choices(names, k=draw.randint(1, 30))) for _ in range(9)]
    expected = [predictor.lm.log_probs([predictor.state(predictor.encode(text)[0])])[0] for text in texts]
    found = program(
        """async (texts) => {
          const rows = [];
          for (const text of texts) {
            const logProbs = await predictor.lm.logProbs(predictor.encode(text), async () => {});
            rows.push(Array.from(logProbs, Math.exp));
          }
          return rows;
        }""",
        texts,
    )
    np.testing.assert_allclose(found, np.exp(expected), atol=1e-3)


def test_stateful_network_reads_each_word_once(program):
    vocabulary = Vocabulary([f"w{number}" for number in range(20)], list(range(60, 40, -1)), TextConfig())
    program.load(random_model(vocabulary, mode="stateful"))
    steps = program(
        """async () => {
          const network = predictor.lm.network, step = network.step, counts = [];
          let steps = 0;
          network.step = (...given) => { steps += 1; return step.apply(network, given); };
          for (const text of ["w1 w2 w3", "w1 w2 w3 w4", "w1 w2 w3 w", "w1 w2 w3 w5", "w1 w2", "w1 w2 w3 w4 w6"]) {
            await predictor.lm.logProbs(predictor.encode(text), async () => {});
            counts.push(steps);
          }
          await predictor.lm.logProbs(predictor.encode("w7 ".repeat(1_500)), async () => {});
          counts.push(steps);
          await predictor.lm.logProbs(predictor.encode("w7 ".repeat(1_500) + "w1"), async () => {});
          counts.push(steps);
          return counts;
        }"""
    )
    assert steps == [3, 4, 4, 5, 5, 6, 1_006, 1_007]


def test_long_texts_keep_few_states(program):
    vocabulary = Vocabulary([f"w{number}" for number in range(20)], list(range(60, 40, -1)), TextConfig())
    program.load(random_model(vocabulary, mode="stateful"))
    kept = program(
        """async () => {
          let text = "";
          for (let number = 0; number < 50; number++) {
            text += `w${number % 20} `.repeat(150);
            await predictor.lm.logProbs(predictor.encode(text), async () => {});
          }
          return predictor.lm.computed;
        }"""
    )
    assert kept <= 4_096


@pytest.fixture(scope="module")
def fables():
    """Return a model of the fables, with learned spacing."""
    text = FABLES.read_text()
    model = chain(text, TextConfig(eos=True), min_count=2)
    spaced = model.vocabulary.with_spacing(learn_spacing([text], model.vocabulary.text))
    object.__setattr__(model, "vocabulary", spaced)
    return Predictor(model)


def test_page_and_python_offer_the_same_completions_and_next_words(program, fables):
    program.load(fables.model)
    completions, draw, text = Completions(fables, 8), random.Random(4), FABLES.read_text()
    texts = ["", " ", "The ", "The lion", "the LI", "THE LION", "Th", "cr\u00f4", "lino", "said the mosue", "\n\n", "2"]
    texts += [text[end - draw.randint(1, 200) : end] for end in draw.sample(range(300, len(text)), 150)]
    found = program(
        "async (texts) => { const all = []; for (const text of texts) all.push(await predictor.entries(text, 8,"
        " async () => {})); return all; }",
        texts,
    )
    for text, entries in zip(texts, found, strict=True):
        line = text[text.rfind("\n") + 1 :]
        before = text[: len(text) - len(line)]
        expected = completions.entries(line, before.__add__)
        assert [(one["word"], one["text"], one["replaced"]) for one in entries] == [
            (one.word, one.text, one.replaced) for one in expected
        ], ascii(text)
        assert [one["probability"] for one in entries] == pytest.approx([one.probability for one in expected], abs=1e-3)


def test_page_and_python_continue_texts_alike(program, fables):
    program.load(fables.model)
    text, draw = FABLES.read_text(), random.Random(5)
    texts = [text[end - 80 : end].rstrip() for end in draw.sample(range(300, len(text)), 30)]
    found = program(
        """async (texts) => {
          const all = [];
          for (const text of texts) {
            let whole = "";
            const settings = { count: 12, sentence: true, lineEnds: true, pause: async () => {} };
            for await (const piece of predictor.continuation(text, settings)) whole += piece;
            all.push(whole);
          }
          return all;
        }""",
        texts,
    )
    expected = ["".join(fables.generate(one, 12, no_repeat_ngram=4, until_sentence=True)) for one in texts]
    assert found == expected


def test_page_and_python_fold_and_capitalize_words_alike(program, fables):
    program.load(fables.model)
    words = ["\u0130stanbul", "stra\u00dfe", "\u0395\u03bb\u03bb\u03ac\u03c2", "na\u00efve", "\u0441\u0451",
             "\ud55c\uae00", "\u0643\u062a\u0627\u0628", "don\u2019t", "\u0e01\u0e34\u0e19"]  # fmt: skip
    assert program("(words) => words.map((word) => predictor.prefixes.fold(word))", words) == [*map(fold, words)]
    pairs = [["general", "Ge"], ["general", "GE"], ["London", "lond"], ["mcdonald", "McD"], ["istanbul", "\u0130st"]]
    capitals = program("(pairs) => pairs.map(([word, prefix]) => predictor.prefixes.offered(word, prefix))", pairs)
    assert capitals == [offered(word, prefix) for word, prefix in pairs]
