"""Settings that change a text are part of what names its cache entry, and of the settings of a run."""

from rnnwords.config import ReadConfig, TextConfig
from rnnwords.text.prepare import PrepareRequest, VocabularyLimits, _entry_name
from rnnwords.text.reading.corpus import Corpus
from tests.text.formats.books import END, LICENCE, START
from tests.texts import write

CHANGED = ReadConfig(encoding_errors="replace", text_column="a", text_field="b", keep_code=True, keep_boilerplate=True)


def entry(path, read=ReadConfig()):  # noqa: B008
    request = PrepareRequest(Corpus([path], read), TextConfig(), lambda words: VocabularyLimits(None, 1, 0.0))
    return _entry_name(request, "digest")


def test_every_setting_and_the_ending_of_the_name_change_the_cache_entry(tmp_path):
    content = f"A.\n{START}B.\n{END}{LICENCE}"
    text, page = write(tmp_path / "a.txt", content), write(tmp_path / "a.md", content)
    names = [entry(text, ReadConfig(**{name: value})) for name, value in CHANGED.changes().items()]
    assert len({*names, entry(text), entry(page)}) == len(names) + 2 == 7


def test_only_settings_that_differ_from_the_defaults_are_recorded():
    assert ReadConfig().changes() == {}
    assert CHANGED.changes() == {name: value for name, value in CHANGED.to_json().items() if name != "as_is"}
