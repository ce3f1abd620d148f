"""Clips of strangers: what is installed is put together, the rest is named."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from comps.gptsovits.training import outside
from comps.gptsovits.training.speaking import outside_references


@pytest.fixture
def share(tmp_path: Path) -> Path:
    """Packages with the recordings of two people, half a second each."""
    sound = (0.1 * np.sin(np.arange(8_000) * 0.05)).astype(np.float32)
    for name in ("goforward", "alsa"):
        for file in outside.PEOPLE[name][1]:
            path = tmp_path / "share" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".raw":
                path.write_bytes((sound * 32_767).astype("<i2").tobytes())
            else:
                soundfile.write(path, sound, 16_000)
    return tmp_path / "share"


def test_recordings_of_a_person_become_one_clip_with_its_text(
    share: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no flite
    outside.main(["--output", str(tmp_path / "made"), "--share", str(share)])
    items = outside_references(tmp_path / "made" / "people")
    assert [item.speaker for item in items] == ["alsa", "goforward"]
    assert items[1].seconds == pytest.approx(2 * 0.5 + outside.GAP_SECONDS)
    assert items[1].text.startswith("Go forward ten meters.")
    assert not list((tmp_path / "made" / "machines").iterdir())
    said = capsys.readouterr().err
    assert all(name in said for name in ("slt", "librivox", "cards"))
    assert "alsa" not in said


def test_a_file_without_a_header_is_read_as_16_bits_at_16_khz(share: Path) -> None:
    samples, rate = outside.recording(share / outside.PEOPLE["goforward"][1][0])
    assert (len(samples), rate) == (8_000, 16_000)
    assert np.abs(samples).max() == pytest.approx(0.1, abs=1e-3)
