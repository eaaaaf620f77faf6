"""Rows 31, 32 and 36: model files that are truncated, foreign, changed by a bit, or of another version."""

import numpy as np
import pytest

from rnnwords.errors import ModelError
from rnnwords.lm.parts import ngram_model
from rnnwords.model_file import VERSION, Model
from rnnwords.version import __version__
from tests.faults.files.refusals import refused
from tests.models import small_model
from tests.signed_files import changed, deferred_base, ngram_base, saved
from tests.texts import GOLDEN, write


def test_row_31_truncated_files_are_refused(tmp_path):
    for model in (small_model(), ngram_base()):
        content = saved(tmp_path / "model", model)
        for cut in np.linspace(0, len(content) - 1, 200).astype(int):
            assert "is damaged: " in refused(tmp_path / "model", content[:cut])
        assert "is damaged: " in refused(tmp_path / "model", content + b"\0")


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n" + b"\0" * 100, b"PK\x03\x04" + b"\0" * 100, b"the cat sat\n" * 9]
)
def test_row_31_files_of_other_formats_are_refused(content, tmp_path):
    assert "expected a whole safetensors file" in refused(tmp_path / "model", content)


def test_row_32_no_flipped_bit_of_a_model_is_loaded(tmp_path):
    content = saved(tmp_path / "model")
    for bit in np.random.default_rng(0).choice(8 * len(content), 1_000, replace=False):
        refused(tmp_path / "model", flipped(content, bit))


def test_row_32_no_flipped_bit_of_an_ngram_is_loaded(tmp_path):
    made = ngram_base()
    content = saved(tmp_path / "model", made)
    assert made.ngram is not None
    section = 8 * (len(content) - made.ngram.size)
    for bit in np.random.default_rng(0).choice(np.arange(section, 8 * len(content)), 1_000, replace=False):
        model = Model.load(write(tmp_path / "model", flipped(content, bit)))
        with pytest.raises(ModelError, match="is damaged, or was overwritten after it was loaded"):
            ngram_model(model)


def test_row_32_no_flipped_bit_of_a_deferred_part_is_read(tmp_path):
    """Each part has its own digest: the others can still be read."""
    made = deferred_base()
    content = saved(tmp_path / "model", made)
    sizes = [part.size for part in (made.ngram, made.spelling, made.adaptation) if part]
    stops = [len(content) - sum(sizes[1:]), len(content) - sizes[2], len(content)]
    for number, (size, stop) in enumerate(zip(sizes, stops, strict=True)):
        for bit in np.random.default_rng(number).integers(8 * (stop - size), 8 * stop, 100):
            model = Model.load(write(tmp_path / "model", flipped(content, bit)))
            for other, part in enumerate((model.ngram, model.spelling, model.adaptation)):
                assert part is not None
                if other == number:
                    with pytest.raises(ModelError, match="is damaged, or was overwritten after it was loaded"):
                        part.read()
                else:
                    assert part.read()


def flipped(content: bytes, bit: int) -> bytes:
    damaged = bytearray(content)
    damaged[bit // 8] ^= 1 << (bit % 8)
    return bytes(damaged)


def test_row_36_a_newer_format_names_the_required_version(tmp_path):
    content = saved(tmp_path / "model")

    def newer(version: str) -> bytes:
        return changed(content, lambda h: h["__metadata__"].update(version=version, program="9.9.9"))

    message = refused(tmp_path / "model", newer("4.0"))
    assert message.endswith(
        f": expected a format up to 3.x, found '4.0'; it needs rnnwords >= 9.9.9, this is {__version__}"
    )
    assert "damaged" not in message
    for version in ("1.7", "2.7"):
        assert Model.load(write(tmp_path / "model", newer(version))).network == small_model().network
    assert "damaged" in refused(tmp_path / "model", newer("10x"))


def test_row_36_every_format_up_to_this_one_has_a_golden_model_that_loads():
    found = {path.stem.removeprefix("model-") for path in GOLDEN.glob("model-*.safetensors")}
    assert {"1.0", "1.1", "1.2", f"{VERSION[0]}.{VERSION[1]}"} <= found
    for version in found:
        Model.load(GOLDEN / f"model-{version}.safetensors")
