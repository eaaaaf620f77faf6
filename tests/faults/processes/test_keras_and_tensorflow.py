"""Row 52: settings of Keras have no influence, and a TensorFlow that cannot be loaded is a one-line error."""

import os
from pathlib import Path

import pytest

from tests.processes import TINY, contents, environment, here, only_error, rnnwords
from tests.texts import FABLE, ROOT, write


def keras_home(place: Path, content: str | None) -> Path:
    (place / ".keras").mkdir(parents=True)
    if content is not None:
        write(place / ".keras" / "keras.json", content)
    return place


KERAS: dict[str, tuple[str | None, dict[str, str | None]]] = {
    "float16": ('{"floatx": "float16", "epsilon": 0.5, "backend": "tensorflow"}', {}),
    "torch": ('{"floatx": "float64", "backend": "torch", "image_data_format": "channels_first"}', {}),
    "wrong floatx": ('{"floatx": "float1"}', {}),
    "list": ("[1]", {}),
    "environment": ("no JSON", {"KERAS_BACKEND": "jax", "KERAS_MAX_EPOCHS": "x", "KERAS_NNX_ENABLED": "1"}),
    "nonsense": (None, {"KERAS_BACKEND": "nonsense", "TF_USE_LEGACY_KERAS": "1", "KERAS_MAX_STEPS_PER_EPOCH": "x"}),
    "KERAS_HOME": ('{"floatx": "float16"}', {"KERAS_HOME": ".keras"}),
    "FIFO": ("FIFO", {}),
}


@pytest.mark.parametrize(
    "case", [name if name == "FIFO" else pytest.param(name, marks=pytest.mark.slow) for name in KERAS]
)
def test_row_52_settings_of_keras_have_no_influence(case, trained, tmp_path):
    content, variables = KERAS[case]
    home = keras_home(tmp_path / "home", None if content == "FIFO" else content)
    if content == "FIFO":
        os.mkfifo(home / ".keras" / "keras.json")
    before = sorted(item.name for item in (home / ".keras").iterdir())
    env = environment(HOME=str(home), **{"KERAS_BACKEND": None, "KERAS_HOME": None, **variables})
    done = rnnwords("train", FABLE, *TINY, "--model", tmp_path / "run", cwd=home, env=env)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == (trained / "model.safetensors").read_bytes()
    assert sorted(item.name for item in (home / ".keras").iterdir()) == before


@pytest.mark.parametrize("option", ["KERAS_BACKEND", "MPLBACKEND"])
def test_row_52_unknown_backends_have_no_influence_on_forecast(option, tmp_path):
    write(tmp_path / "series.csv", "\n".join(str(n % 7) for n in range(40)))
    arguments = ["--window", "3", "--units", "4", "--iterations", "2", "--plot", "plot.png", "--model", "run"]
    done = rnnwords("forecast", "series.csv", *arguments, cwd=tmp_path, env=environment(**{option: "nonsense"}))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "plot.png").exists()


def test_row_52_settings_of_keras_in_this_process_have_no_influence(trained, tmp_path):
    import keras

    try:
        keras.config.set_floatx("float16")
        keras.config.set_dtype_policy("mixed_bfloat16")
        keras.config.set_epsilon(0.5)
        assert here("train", str(FABLE), *TINY, "--model", "run", cwd=tmp_path) == 0
        assert (keras.config.floatx(), keras.config.epsilon()) == ("float16", 0.5)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")
        keras.config.set_epsilon(1e-7)
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == (trained / "model.safetensors").read_bytes()


def test_row_52_keras_loaded_with_another_backend_is_an_error(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("keras.config.backend", lambda: "torch")
    assert here("train", str(FABLE), *TINY, "--model", "run", cwd=tmp_path) == 1
    assert "expected Keras with the backend tensorflow, found it loaded with torch" in capsys.readouterr().err


BROKEN = {
    "ImportError": "raise ImportError('DLL load failed\\nin line two')",
    "OSError": "raise OSError(2, 'libtensorflow.so.2: cannot open shared object file')",
    "AttributeError": "import sys; sys.no_such_name",
    "RuntimeError": "raise RuntimeError('module was compiled against numpy 0x10')",
    "SystemExit": "raise SystemExit(7)",
    "SyntaxError": "def",
    "nested": "try:\n    import no_such.library\nexcept ImportError:\n    raise ImportError('Traceback ...')",
    "module without content": "",
}

SLOW = [("tensorboard", "RuntimeError"), ("tensorboard", "module without content"), ("keras", "RuntimeError")]


@pytest.mark.parametrize(
    ("package", "fault"),
    [("tensorflow", fault) for fault in BROKEN] + [pytest.param(*pair, marks=pytest.mark.slow) for pair in SLOW],
)
def test_row_52_a_broken_tensorflow_is_a_one_line_error_and_nothing_is_lost(package, fault, run, tmp_path):
    (tmp_path / "site" / package).mkdir(parents=True)
    write(tmp_path / "site" / package / "__init__.py", BROKEN[fault])
    before = contents(run / "checkpoints")
    for model, options in ((run, ["--restart"]), (tmp_path / "new", [])):
        env = environment(PYTHONPATH=f"{tmp_path / 'site'}:{ROOT}")
        done = rnnwords("train", FABLE, *TINY, "--model", model, "--quiet", *options, cwd=tmp_path, env=env)
        only_error(done, 1, "TensorFlow cannot be loaded: |training needs .*, which is not installed")
        if package != "tensorflow":
            break
    assert contents(run / "checkpoints") == before
    assert not list((tmp_path / "new").glob("*.safetensors"))
