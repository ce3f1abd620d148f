"""The user dictionary: readings of words in Latin letters."""

import os
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path

import platformdirs
import pytest

from comps.gptsovits.text.ja import words
from comps.gptsovits.text.ja.frontend import JapaneseFrontEnd
from comps.gptsovits.text.ja.words import compiled_words
from comps.gptsovits.text.registry import front_end


def phones(text: str) -> list[str]:
    return front_end("ja").phonemize(text, inventory="v2")[0]


def test_latin_words_are_read_as_japanese_reads_them_whatever_their_case() -> None:
    assert phones("coffee") == phones("Coffee") == phones("ＣＯＦＦＥＥ")
    assert [phone for phone in phones("coffee") if phone.isalpha()] == ["k", "o", "o", "h", "i", "i"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda _: tmp_path)
    return tmp_path


def test_the_dictionary_is_compiled_once_and_leaves_nothing_else_behind(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    path = compiled_words("some version")
    assert path is not None
    assert list(home.iterdir()) == [path]
    assert path.stat().st_size > 10_000_000
    assert capfd.readouterr().out == ""
    monkeypatch.setattr(subprocess, "run", None)
    assert compiled_words("some version") == path


def test_a_dictionary_made_earlier_serves_where_nothing_can_be_written(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(words, "_compile", lambda _, path: path.write_bytes(b"a dictionary"))
        made = compiled_words("some version")
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(tempfile, "mkdtemp", lambda **_: pytest.fail("nothing can be written"))
    assert compiled_words("some version") == made


def test_without_a_compiler_there_is_a_warning_and_no_dictionary(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(1, "compiler")

    monkeypatch.setattr(subprocess, "run", fail)
    assert compiled_words("another version") is None
    assert "Latin words" in caplog.text
    assert list(home.iterdir()) == []


def test_a_damaged_dictionary_is_compiled_anew(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(words, "_compile", lambda _, path: path.write_bytes(b"half a dictionary"))
        damaged = compiled_words(version("pyopenjtalk-plus"))
    assert damaged is not None
    assert JapaneseFrontEnd().phonemize("coffee", inventory="v2")[0] == phones("coffee")
    assert damaged.stat().st_size > 10_000_000
