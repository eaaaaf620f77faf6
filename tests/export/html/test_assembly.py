"""The parts of a page: weights as bytes, the file as a whole, and what it states."""

import base64
import hashlib
import json
import re

import numpy as np
import pytest

from rnnwords.config import TextConfig
from rnnwords.errors import ExportError, ModelError, UsageError
from rnnwords.export.exporter import export, largest_difference
from rnnwords.export.html import TOLERANCES, write
from rnnwords.export.html.assembly import page, safe_json, worker_script
from rnnwords.export.html.facts import facts, summary
from rnnwords.export.html.patterns import javascript
from rnnwords.export.html.weights import SMALL_EMBEDDING, decode, encode, entries
from rnnwords.export.html.written_page import WrittenPage
from rnnwords.network.config import NetworkConfig
from rnnwords.prediction.predictor import Predictor
from tests.models import chain, plain_vocabulary, random_model, small_weights

NETWORK = NetworkConfig(vocabulary_size=40, units=12, embedding=10, layers=2, tie=True)


@pytest.mark.parametrize("precision", ["int8", "float16"])
def test_decoded_weights_are_within_half_a_step_of_the_weights(precision):
    weights = small_weights(NETWORK)
    found = decode(NETWORK, encode(NETWORK, weights, precision), precision)
    assert found.keys() == weights.keys()
    for entry in entries(NETWORK, precision):
        weight = weights[entry.name]
        assert found[entry.name].shape == weight.shape
        if not entry.columns:
            np.testing.assert_array_equal(found[entry.name], weight)
            continue
        largest = np.abs(weight).max(axis=0 if entry.transposed else 1, keepdims=True)
        step = largest / 127 / 2 if entry.precision == "int8" else largest / 2**11
        assert (np.abs(found[entry.name] - weight) <= 1.001 * step).all()


@pytest.mark.parametrize("precision", ["int8", "float16"])
def test_rows_of_zeros_and_of_large_weights_keep_their_values(precision):
    weights = small_weights(NETWORK)
    weights["embedding/embeddings"][0] = 0
    weights["embedding/embeddings"][1] = 1e9
    found = decode(NETWORK, encode(NETWORK, weights, precision), precision)
    np.testing.assert_allclose(found["embedding/embeddings"][:2], weights["embedding/embeddings"][:2], rtol=1e-6)


def test_only_a_small_embedding_has_16_bits_among_weights_of_8():
    small = NetworkConfig(vocabulary_size=40, units=64, embedding=10)
    precisions = [
        {entry.precision for entry in entries(one, "int8") if "embeddings" in entry.name} for one in (small, NETWORK)
    ]
    share = 40 * 10 / sum(np.prod(shape) for shape in NETWORK.shapes().values())
    assert precisions == [{"float16"}, {"int8"}]
    assert share > SMALL_EMBEDDING


@pytest.mark.parametrize(
    "network", [{}, {"mode": "stateful", "cell": "gru"}, {"input": "scalar"}, {"input": "one-hot"}]
)
@pytest.mark.parametrize("weights", ["int8", "float16"])
def test_written_page_predicts_what_predict_does(tmp_path, network, weights):
    model = random_model(plain_vocabulary(30), **network)
    predictor = Predictor(model)
    written = write(predictor, tmp_path / "page.html", weights)
    contexts = [(3,), (1, 2), (5, 6, 7, 8, 9), (0, 0, 0)]
    expected = [np.exp(predictor.network.log_probs([predictor.state(context)])[0]) for context in contexts]
    found = written.probabilities(contexts)
    difference = largest_difference(predictor.network, written, contexts)
    assert 0 < difference <= written.tolerance == TOLERANCES[weights]
    largest = np.abs(found - expected).max(axis=1)
    assert difference == pytest.approx((largest / np.max(expected, axis=1) if weights == "int8" else largest).max())
    assert not np.array_equal(found, expected)  # they come from the file


def test_page_states_name_size_text_and_accuracy():
    model = chain()
    model.training.update(
        words=12_345, metrics={"accuracy": 0.25, "perplexity": 30.0, "of": "validation text", "words": 99}
    )
    terms = dict(facts(model, "int8", "My fable"))
    assert terms["Model"] == "My fable"
    assert terms["Training text"] == "12,345 words"
    assert terms["Accuracy"] == "25.0 % on 99 words of the validation text"
    assert terms["Perplexity"] == "30 on 99 words of the validation text"
    assert "parameters, here as int8" in terms["Network"]
    whole = page(model, "int8", "My fable")
    assert all(value in whole for value in (*terms.values(), summary(model)))
    assert "<title>My fable \u2013 next words</title>" in whole


def test_page_without_a_training_record_states_what_is_there():
    model = random_model(plain_vocabulary(30))
    model.training.clear()
    assert dict(facts(model, "int8", None)).keys() == {"Network", "Reads", "Vocabulary"}
    assert "<h1><bdi>Language model</bdi></h1>" in page(model, "int8")


def test_equal_models_give_equal_pages_without_date_or_path():
    assert page(chain(), "int8", "x") == page(chain(), "int8", "x")


def test_policy_permits_one_script_and_one_style_by_their_digests():
    whole = page(chain(), "int8")
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', whole)
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for name in ("script", "style"):
        [content] = re.findall(rf"<{name}>(.*?)</{name}>", whole, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy
    assert not re.search(r"\b(?:src|href)=\"(?!data:)|https?://(?!\))", re.sub(r'id="model">[^<]*', "", whole))


def test_program_is_plain_script_that_ends_no_element():
    program = worker_script()
    assert "</" not in program
    assert "<!--" not in program
    assert not re.search(r"\beval\(|new Function|import\(|fetch\(|XMLHttpRequest", program)


def test_json_in_the_page_has_no_character_with_a_meaning_in_html():
    values = ["</script>", "<!--", "&", "\u2028", "\u202e", "\x7f", "\ufeff", "\u00e9"]
    text = safe_json(values)
    assert not set("<>&\u2028\u202e\x7f\ufeff") & set(text)
    assert "\u00e9" in text
    assert json.loads(text) == values


def test_patterns_of_python_become_those_of_javascript():
    assert javascript(r"[[\w/]--[\p{Thai}]]*+(?i:em)\U000e0100\s") == (
        r"[[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d\/]--[\p{sc=Thai}]]*(?:[eE][mM])\u{e0100}\p{White_Space}"
    )


def test_excluded_words_are_in_the_page_as_such(tmp_path):
    model = chain(config=TextConfig())
    path = tmp_path / "page.html"
    write(Predictor(model, exclude=["cat"]), path)
    values = json.loads(re.findall(r'id="model">([^<]*)<', path.read_text())[0])
    assert [values["words"][one] for one in values["excluded"]] == ["cat"]


def test_other_precision_and_other_file_are_refused(tmp_path):
    with pytest.raises(UsageError, match="`weights`: expected one of int8, float16, found int4"):
        write(Predictor(chain()), tmp_path / "page.html", "int4")
    (tmp_path / "other.html").write_text("<html></html>")
    with pytest.raises(ModelError, match="expected a page with a model, found none"):
        WrittenPage(tmp_path / "other.html", 0.1)


def test_difference_of_rounded_weights_is_relative_to_the_best_word(tmp_path):
    """Every probability is below the tolerance, so an absolute difference would permit any prediction."""
    predictor = Predictor(random_model(plain_vocabulary(300), units=32, embedding=16))
    with pytest.raises(
        ExportError, match=r"of 0\.\d+ relative to the best word; use `weights` float16; nothing was saved"
    ):
        export(predictor, tmp_path / "page.html", weights="int8")
    assert list(tmp_path.iterdir()) == []
    report = export(predictor, tmp_path / "page.html")
    assert report.exact
    assert not report.relative
    assert report.largest_difference < report.tolerance == TOLERANCES["float16"]
