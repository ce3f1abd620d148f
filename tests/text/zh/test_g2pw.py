"""Polyphones by a made-up g2pW model in the official layout: README.md tells what it says."""

import shutil
from pathlib import Path

import pytest

from comps.cores.errors import ModelNotReady
from comps.gptsovits.text import registry
from comps.gptsovits.text.zh import front_end
from comps.gptsovits.text.zh.corrections import Corrections
from comps.gptsovits.text.zh.frontend import MandarinFrontEnd
from comps.gptsovits.text.zh.g2pw import G2pwReader, find_model
from comps.gptsovits.text.zh.readings import DictionaryReader
from comps.gptsovits.text.zh.syllables import Syllable

pytest.importorskip("onnxruntime")
pytest.importorskip("opencc")

MODELS = Path(__file__).parent


@pytest.fixture(scope="module")
def reader() -> MandarinFrontEnd:
    found = front_end(models=MODELS)
    assert isinstance(found, MandarinFrontEnd)
    return found


def phones(reader: MandarinFrontEnd, text: str, inventory: str = "v2") -> str:
    return " ".join(reader.phonemize(text, inventory="v1" if inventory == "v1" else "v2")[0])


def test_the_model_decides_by_context(reader: MandarinFrontEnd) -> None:
    assert phones(reader, "我行大").split()[2:4] == ["h", "ang2"]
    assert phones(reader, "我行小").split()[2:4] == ["x", "ing2"]


def test_each_of_several_polyphones_is_asked_about(reader: MandarinFrontEnd) -> None:
    said = phones(reader, "在行大在行小在长大").split()
    assert [said[2:4], said[8:10], said[14:16]] == [["h", "ang2"], ["x", "ing2"], ["zh", "ang3"]]


def test_v1_models_never_saw_it(reader: MandarinFrontEnd) -> None:
    assert phones(reader, "我行大", "v1").split()[2:4] == ["x", "ing2"]


def test_phrases_of_the_dictionary_win(reader: MandarinFrontEnd) -> None:
    assert phones(reader, "行走大") == "x ing2 z ou3 d a4"


def test_a_sentence_longer_than_the_model_sees_is_read_through_windows(reader: MandarinFrontEnd) -> None:
    text = ("我行大" + "人" * 197) * 6
    said, word2ph = reader.phonemize(text, inventory="v2")
    assert len(word2ph or ()) == len(text)
    assert [said[2 * i : 2 * i + 2] for i in range(1, len(text), 200)] == [["h", "ang2"]] * 6


def test_some_readings_are_fixed() -> None:
    corrections = Corrections(DictionaryReader())
    assert [s.tone for s in corrections.apply("朝鲜", [Syllable("chao", 2), Syllable("xian", 1)])] == [2, 3]
    assert corrections.apply("唉", [Syllable("ai", 1)]) == (Syllable("ai", 4),)


def test_it_is_found_only_with_its_vocabulary(tmp_path: Path) -> None:
    assert find_model(tmp_path) is None
    shutil.copytree(MODELS / "G2PWModel", tmp_path / "G2PWModel")
    (tmp_path / "G2PWModel" / "vocab.txt").unlink()
    assert find_model(tmp_path) is None
    bert = tmp_path / "chinese-roberta-wwm-ext-large"
    bert.mkdir()
    shutil.copy(MODELS / "G2PWModel" / "vocab.txt", bert)
    assert find_model(tmp_path) == (tmp_path / "G2PWModel", bert)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    shutil.copytree(MODELS / "G2PWModel", tmp_path / "model")
    (tmp_path / "model" / "POLYPHONIC_CHARS.txt").unlink()
    with pytest.raises(ModelNotReady, match="POLYPHONIC_CHARS"):
        G2pwReader(tmp_path / "model", vocabulary=tmp_path / "model", dictionary=DictionaryReader())


def test_without_a_model_the_dictionary_reads(tmp_path: Path) -> None:
    found = front_end(models=tmp_path)
    assert found.phonemize("我行大", inventory="v2")[0][2:4] == ["x", "ing2"]


def test_the_registry_hands_the_folder_of_models_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_front_ends", {})
    monkeypatch.setattr(registry, "_models", None)
    registry.use_models(MODELS / "v2")
    assert registry.front_end("zh").phonemize("我行大", inventory="v2")[0][2:4] == ["h", "ang2"]
