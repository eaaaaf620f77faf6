"""The model that a run continues from: what it decides, and the requests that it refuses. Without TensorFlow."""

import dataclasses
import re
from pathlib import Path

import pytest

from rnnwords.config import SeriesConfig, TextConfig
from rnnwords.errors import CorpusError, ModelError, ModelNotFoundError, UsageError
from rnnwords.model_file import Model
from rnnwords.network.config import NetworkConfig
from rnnwords.text.vocabulary import Vocabulary
from rnnwords.training.continuation.base import MAX_ANCESTORS, load_base
from rnnwords.training.continuation.defaults import continued
from rnnwords.training.plan import make_plan
from rnnwords.training.settings.config import TrainingConfig
from rnnwords.training.settings.defaults import complete
from rnnwords.training.settings.request import TrainRequest
from tests.models import plain_vocabulary, random_model, saved, small_weights, vocabulary_of
from tests.texts import FABLE, FABLE_TEXT, ROOT

GOLDEN = sorted((ROOT / "tests" / "golden").glob("model-*.safetensors"))
CONTRADICTIONS = [
    ({"network": {"units": 256}}, "`units`: expected 8, .* found 256"),
    ({"network": {"layers": 1}}, "`layers`"),
    ({"network": {"cell": "gru"}}, "`cell`: expected lstm, .* found gru"),
    ({"network": {"window": 5}}, "`window`"),
    ({"network": {"stateful": True}}, "`stateful`: expected off, .* found on"),
    ({"network": {"input": "one-hot"}}, "`input`"),
    ({"network": {"embedding": 7}}, "`embedding`"),
    ({"network": {"tie": True}}, "`tie`"),
    ({"network": {"softmax": "adaptive"}}, "`softmax`"),
    ({"text": TextConfig(lowercase=True)}, "`lowercase`: expected off, .* found on"),
    ({"text": TextConfig(eos=True)}, "`eos`"),
    ({"text": TextConfig(tokenizer="whitespace")}, "`tokenizer`"),
    ({"text": TextConfig(normalize="none")}, "`normalize`"),
    ({"vocabulary": Path("vocabulary.tsv")}, "`vocabulary`"),
    ({"recipe": "chapter"}, "`recipe`"),
    ({"teacher": Path("teacher")}, "`teacher`: expected none with `base`"),
]  # fmt: skip


@pytest.fixture
def base(tmp_path):
    """Return the run directory of a model of the fable's words."""
    (tmp_path / "base").mkdir()
    saved(random_model(vocabulary_of(FABLE_TEXT)), tmp_path / "base")
    return tmp_path / "base"


def request(base, **changes):
    return TrainRequest([FABLE], base.parent / "new", base=base, seed=1, **changes)


def plan(base, **changes):
    return make_plan(request(base, **changes), pytest.fail)


@pytest.mark.parametrize(("changes", "pattern"), CONTRADICTIONS)
def test_settings_that_contradict_the_model_are_refused(base, changes, pattern):
    with pytest.raises(UsageError, match=pattern):
        plan(base, **changes)
    assert not (base.parent / "new").exists()


def test_settings_equal_to_those_of_the_model_change_nothing(base):
    network = {"units": 8, "layers": 2, "cell": "lstm", "window": 3, "tie": False, "softmax": "full", "embedding": 6}
    assert plan(base, network=network).settings == plan(base).settings


def test_network_and_text_settings_are_those_of_the_model(tmp_path):
    text = TextConfig("whitespace", lowercase=True, eos=True, normalize="none", rules=1)
    saved(random_model(vocabulary_of(FABLE_TEXT, text), cell="gru", layers=1, mode="stateful", window=4), tmp_path)
    found = make_plan(TrainRequest([FABLE], tmp_path / "new", base=tmp_path, training={"batch_size": 2}), pytest.fail)
    assert found.prepared.vocabulary.text == text
    expected = dataclasses.asdict(Model.load(tmp_path / "model.safetensors").network)
    assert dataclasses.asdict(found.network) == expected | {"vocabulary_size": len(found.prepared.vocabulary)}


def test_embedding_has_no_meaning_for_one_hot_vectors(tmp_path):
    saved(random_model(vocabulary_of(FABLE_TEXT), input="one-hot"), tmp_path)
    request = TrainRequest([FABLE], tmp_path / "new", network={"embedding": 4}, base=tmp_path)
    assert make_plan(request, pytest.fail).network.embedding == 6


def test_a_plan_notes_how_the_vocabulary_changes(base):
    found = plan(base)
    before = Model.load(base / "model.safetensors").vocabulary
    new = set(found.prepared.vocabulary.words) - set(before.words)
    assert f"{len(before):,} tokens stay, {len(new):,} are new" in found.notes[0]
    assert "gone" not in found.notes[0]
    assert re.search("[1-9] are gone", plan(base, max_size=20).notes[0])


def test_new_words_are_counted_with_the_old_ones(base):
    before = Model.load(base / "model.safetensors").vocabulary
    now = plan(base).prepared.vocabulary
    assert sum(now.counts) == sum(before.counts) + 204
    assert list(now.counts) == sorted(now.counts, reverse=True)


def test_the_file_of_the_model_is_a_setting_of_the_run(base):
    first = plan(base).settings
    saved(random_model(vocabulary_of(FABLE_TEXT), seed=1), base)
    second = plan(base).settings
    assert {name for name in first if first[name] != second[name]} == {"base"}


def test_learning_rate_is_lower_than_that_of_a_new_network(base):
    new = make_plan(TrainRequest([FABLE], base.parent / "new"), pytest.fail).training
    continued = plan(base).training
    assert continued.learning_rate < new.learning_rate
    assert plan(base, training={"learning_rate": 0.5}).training.learning_rate == 0.5


@pytest.mark.parametrize(("words", "split"), [(200, 0.0), (2_000, 0.1)])
def test_a_short_text_has_a_validation_split_too(base, tmp_path, words, split):
    text = tmp_path / "new.txt"
    text.write_text("the mice had a general council . " * (words // 7), encoding="utf-8")
    found = make_plan(TrainRequest([text], tmp_path / "new", base=base), pytest.fail)
    assert found.prepared.limits.validation_split == split


@pytest.mark.parametrize("name", ["base", "base/model.safetensors", "link"])
def test_a_model_does_not_continue_in_its_own_directory(base, tmp_path, name):
    (tmp_path / "link").symlink_to("base")
    before = (base / "model.safetensors").read_bytes()
    with pytest.raises(UsageError, match="another `directory`"):
        make_plan(TrainRequest([FABLE], base, base=tmp_path / name), pytest.fail)
    assert (base / "model.safetensors").read_bytes() == before


def test_models_whose_weights_depend_on_ids_are_refused(tmp_path):
    words = plain_vocabulary(40)
    for network, pattern in ((NetworkConfig(40, units=16, softmax="adaptive", layers=1, embedding=4), "adaptive"),
                             (NetworkConfig(40, units=4, input="scalar", layers=1), "scalar")):  # fmt: skip
        saved(Model(network, words, small_weights(network)), tmp_path)
        with pytest.raises(UsageError, match=f"`base`: expected a model with .* found {pattern}"):
            load_base(TrainRequest([FABLE], tmp_path / "new", base=tmp_path))


def test_models_of_numbers_are_refused(tmp_path):
    network = NetworkConfig(1, input="number", output="linear", units=4, layers=1)
    vocabulary = Vocabulary(["price"], [9], TextConfig())
    saved(Model(network, vocabulary, small_weights(network), {}, SeriesConfig("price", 0.0, 1.0)), tmp_path)
    with pytest.raises(UsageError, match="expected a model of words, found one of numbers"):
        load_base(TrainRequest([FABLE], tmp_path / "new", base=tmp_path))


def test_a_missing_or_damaged_model_is_named(base):
    (base / "model.safetensors").write_bytes(b"no model")
    with pytest.raises(ModelError, match=re.escape(str(base))):
        plan(base)
    (base / "model.safetensors").unlink()
    with pytest.raises(ModelNotFoundError, match=re.escape(str(base))):
        plan(base)


def test_a_text_without_a_word_of_model_or_its_own_is_refused(base, tmp_path):
    text = tmp_path / "new.txt"
    text.write_text("Ba\u0142kan mia\u0142 ", encoding="utf-8")
    with pytest.raises(CorpusError, match="expected words of the vocabulary"):
        make_plan(TrainRequest([text], tmp_path / "new", base=base, min_count=2, network={}), pytest.fail)


def test_ancestors_are_listed_oldest_first(base):
    model = Model.load(base / "model.safetensors")
    record = {"words": 5, "run": "b", "corpus": "c", "ancestors": [{"run": "a"}], "metrics": {"perplexity": 2.0}}
    saved(dataclasses.replace(model, training=record), base)
    found = load_base(request(base))
    ancestors = found.ancestors() if found else []
    assert [one["run"] for one in ancestors] == ["a", "b"]
    assert ancestors[1]["tokens"] == len(model.vocabulary)
    assert (ancestors[1]["words"], ancestors[1]["perplexity"]) == (5, 2.0)


@pytest.mark.parametrize("ancestors", [5, "many", {"run": "a"}, [{}] * MAX_ANCESTORS])
def test_an_invalid_list_of_ancestors_is_refused(base, ancestors):
    model = Model.load(base / "model.safetensors")
    saved(dataclasses.replace(model, training={"ancestors": ancestors}), base)
    with pytest.raises((ModelError, UsageError), match="ancestors"):
        load_base(request(base))


@pytest.mark.parametrize(("words", "new"), [(700, True), (2_000, False)])
def test_new_words_that_occur_once_are_unknown_in_longer_texts(base, tmp_path, words, new):
    text = tmp_path / "new.txt"
    text.write_text("borogove " + "the mice had a general council . " * (words // 7), encoding="utf-8")
    found = make_plan(TrainRequest([text], tmp_path / "new", base=base), pytest.fail)
    assert ("borogove" in found.prepared.vocabulary.ids) == new


def test_defaults_of_another_optimizer_are_those_of_a_new_network_at_a_lower_rate():
    config = TrainingConfig(seed=0, optimizer="sgd")
    new, found = (make(config, 20_000, 19_997, stateful=True) for make in (complete, continued))
    assert found.learning_rate == pytest.approx(0.3 * (new.learning_rate or 0))
    assert found.clip_norm == new.clip_norm


@pytest.mark.parametrize("budget", [{"seconds": 60.0}, {"iterations": 50}, {"epochs": 9}])
def test_a_budget_replaces_the_epochs(budget):
    found = continued(TrainingConfig(seed=0, **budget), 20_000, 19_997, stateful=False)
    assert {
        name: getattr(found, name) for name in ("epochs", "iterations", "seconds") if getattr(found, name)
    } == budget


def test_streams_are_as_long_as_those_of_a_new_network():
    new, found = (make(TrainingConfig(seed=0), 950, 915, stateful=True) for make in (complete, continued))
    assert new.batch_size == found.batch_size


@pytest.mark.parametrize("path", GOLDEN, ids=[path.stem for path in GOLDEN])
def test_models_of_earlier_formats_continue(path, tmp_path):
    found = make_plan(TrainRequest([FABLE], tmp_path / "new", base=path), pytest.fail)
    assert found.prepared.vocabulary.text == Model.load(path).vocabulary.text
    weights = found.task().initial_weights()
    assert {name: weight.shape for name, weight in weights.items()} == found.network.shapes()
