"""Rows 34 and 56: model files and vocabularies with valid checksums and hostile contents."""

import itertools
import json
import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnwords.config import InterpolationConfig
from rnnwords.errors import ModelError
from rnnwords.model_file import Model
from rnnwords.prediction.predictor import Predictor
from rnnwords.text.vocabulary import Vocabulary
from tests.faults.files.hostile_models import hostile, hostile_ngrams, hostile_vocabularies
from tests.faults.files.refusals import COMMANDS, NGRAM_COMMANDS, check_refusals, refused, written
from tests.models import small_model, vocabulary_of
from tests.processes import here, run_python
from tests.signed_files import assembled, changed, ngram_base, parts, resaved, saved, with_configs
from tests.texts import CATS, write


def test_row_34_the_unchanged_base_of_the_hostile_files_loads(tmp_path):
    """Otherwise the hostile files could be refused for what they have in common."""
    content = saved(tmp_path / "model")
    for same in (changed(content, lambda h: None), with_configs(content, lambda c: None), resaved(tmp_path / "m")):
        assert Model.load(write(tmp_path / "model", same)).network == small_model().network
    content = changed(saved(tmp_path / "model", ngram_base()), lambda h: None)
    assert Predictor(Model.load(write(tmp_path / "model", content)), InterpolationConfig("auto")).rank("the cat")


@pytest.fixture(scope="module")
def hostile_files(tmp_path_factory):
    """Return the names and paths of all hostile models."""
    there = tmp_path_factory.mktemp("hostile")
    return list(written(there, hostile(there / "base")))


def test_row_34_hostile_files_are_not_refused_for_their_checksum(hostile_files):
    for name, path in hostile_files:
        assert "checksum" not in refused(path), name


def test_row_34_hostile_models_are_refused_in_little_time_and_memory(tmp_path, hostile_files):
    """Each file by one command; the slow test has all commands."""
    lists = itertools.cycle(COMMANDS.values())
    jobs = [(name, [word.replace("FILE", str(path)) for word in next(lists)]) for name, path in hostile_files]
    check_refusals(tmp_path, jobs, r"model file .*( is damaged: |: expected )")


@pytest.mark.slow
def test_row_34_every_command_refuses_every_hostile_model(tmp_path, hostile_files):
    for words in COMMANDS.values():
        jobs = [(name, [word.replace("FILE", str(path)) for word in words]) for name, path in hostile_files]
        check_refusals(tmp_path, jobs, r"model file .*( is damaged: |: expected )")


def test_row_34_hostile_ngrams_are_refused_in_little_time_and_memory(tmp_path):
    files = list(written(tmp_path, hostile_ngrams(tmp_path / "base")))
    jobs = [
        (name, [word.replace("FILE", str(path)) for word in words])
        for words in NGRAM_COMMANDS.values()
        for name, path in files
    ]
    check_refusals(tmp_path, jobs, "(expected |train the model again|does not match)", NGRAM_COMMANDS)


def test_row_34_hostile_vocabularies_are_refused_in_little_time_and_memory(tmp_path):
    script = """
import resource, sys, time
from pathlib import Path
from rnnwords.errors import ModelError
from rnnwords.text.vocabulary import Vocabulary
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (200 << 20),) * 2)
for path in sorted(Path(sys.argv[1]).iterdir()):
    start = time.process_time()
    try:
        Vocabulary.load(path)
        print(path, "was loaded")
    except ModelError as error:
        if len(str(error)) > 500 or "\\n" in str(error):
            print(path, str(error)[:600])
    if time.process_time() - start > 1:
        print(path, time.process_time() - start, "seconds")
"""
    names = [name for name, _ in written(tmp_path, hostile_vocabularies())]
    done = run_python(script, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), names


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
def test_row_34_any_json_value_at_any_place_is_refused_or_loads_equal(tmp_path_factory, data):
    """In the header or the settings, with a valid checksum."""
    path = tmp_path_factory.mktemp("model") / "model"
    header, tensors = parts(saved(path))
    configs = json.loads(header["__metadata__"]["configs"])
    place: Any = data.draw(st.sampled_from([header, configs]))
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], (dict, list)) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(values)
    if isinstance(header.get("__metadata__"), dict) and key != "configs":
        header["__metadata__"]["configs"] = json.dumps(configs)
    write(path, assembled(header, tensors))
    try:
        loaded = Model.load(path)
    except ModelError:
        return
    for name, weight in small_model().weights.items():
        assert (loaded.weights[name] == weight).all()


def test_row_34_gigabytes_of_a_sparse_file_are_not_read(tmp_path):
    """A file of 8 GB that takes no room on the disk, and whose header has what a network of 12 words cannot have."""
    header, data = parts(saved(tmp_path / "model"))
    header["vocabulary/words"] = {"dtype": "U8", "shape": [1 << 33], "data_offsets": [len(data), len(data) + (1 << 33)]}
    del header["__metadata__"]["sha256"]
    names = sorted(name for name in header if name != "__metadata__")
    start = 0
    for name in names:
        entry = header[name]
        size = entry["data_offsets"][1] - entry["data_offsets"][0]
        entry["data_offsets"] = [start, start + size]
        start += size
    text = json.dumps(header).encode()
    path = write(tmp_path / "model", len(text).to_bytes(8, "little") + text)
    os.truncate(path, 8 + len(text) + start)
    with pytest.raises(ModelError, match="expected words of at most 48,012 bytes, found 8,589,934,592"):
        Model.load(path)


def test_row_56_messages_about_hostile_files_have_at_most_500_characters(hostile_files):
    for _, path in hostile_files:
        assert len(refused(path)) <= 500


def test_row_56_similar_words_of_megabytes_are_shortened(tmp_path):
    vocabulary = Vocabulary(["a" * 999, "b"], [2, 1], vocabulary_of(CATS).text)
    assert len(vocabulary.unknown_message("A" * 999)) <= 500
    assert len(vocabulary.unknown_message("c" * 5_000_000)) <= 500


def test_row_34_forecast_refuses_a_hostile_model_in_its_run_directory(tmp_path, capsys):
    """The run is complete, so that the model is read and not trained again."""
    write(tmp_path / "numbers.csv", "Open\n" + "".join(f"{number % 7}\n" for number in range(60)))
    tiny = ("--epochs", "1", "--units", "4", "--layers", "1", "--window", "3", "--seed", "1", "--quiet")
    words = ("forecast", "numbers.csv", *tiny, "--model", "run")
    assert here(*words, cwd=tmp_path) == 0
    path = tmp_path / "run" / "model.safetensors"
    content = path.read_bytes()
    header, data = parts(content)
    hostile_models = {
        "series": with_configs(content, lambda c: c.pop("series")),
        "units": with_configs(content, lambda c: c["network"].update(units=10**9)),
        "overflow": assembled(header, np.full(len(data) // 4, 3e38, np.float32).tobytes()),
        "truncated": content[:-9],
    }
    for name, changed_content in hostile_models.items():
        write(path, changed_content)
        capsys.readouterr()
        assert here(*words, cwd=tmp_path) == 1, name
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1), (name, err)
        assert "model file run/model.safetensors is damaged: " in err
