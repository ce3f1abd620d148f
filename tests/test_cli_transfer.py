"""`gptsovits transfer` through its own front door, with a tiny random model."""

from pathlib import Path

import pytest
import soundfile

from comps.gptsovits.cli import MISUSED, main
from tests.engine.small import clip
from tests.tiny import write_own

TEXT = "A hum that lasts for a while."


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_own(tmp_path_factory.mktemp("model"))


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    for name, seed, seconds in (("source", 5, 2.33), ("target", 1, 3.5), ("endless", 2, 61.0)):
        waveform = clip(seed, seconds)
        soundfile.write(tmp_path / f"{name}.wav", waveform.samples, waveform.rate)
    return tmp_path


def transfer(model: Path, clips: Path, source: str, *arguments: str, output: str = "out.wav") -> int:
    fixed = ["--reference", clips / "target.wav", "--model", model, "--quiet", "-o", clips / output]
    return main(["transfer", str(clips / source), *arguments, *(str(a) for a in fixed)])


def test_a_recording_is_written_again_as_long_as_it_was(
    model: Path, clips: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert transfer(model, clips, "source.wav", "--text", TEXT, "--seed", "3") == 0
    samples, rate = soundfile.read(clips / "out.wav")
    assert 0 <= len(samples) / rate - 2.33 < 0.04
    assert "seed 3" in capsys.readouterr().out
    assert transfer(model, clips, "source.wav", "--text", TEXT, "--seed", "3", output="again.wav") == 0
    assert (clips / "out.wav").read_bytes() == (clips / "again.wav").read_bytes()


def test_the_transcript_may_lie_beside_the_recording(
    model: Path, clips: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert transfer(model, clips, "source.wav") == MISUSED
    assert "source.txt" in capsys.readouterr().err
    (clips / "source.txt").write_text(f"{TEXT}\n")
    assert transfer(model, clips, "source.wav", "--seed", "3") == 0
    first = (clips / "out.wav").read_bytes()
    assert transfer(model, clips, "source.wav", "--seed", "3", "--text", TEXT) == 0
    assert (clips / "out.wav").read_bytes() == first


@pytest.mark.parametrize(
    ("source", "arguments", "complaint"),
    [
        ("nowhere.wav", ["--text", TEXT], "nowhere.wav"),
        ("endless.wav", ["--text", TEXT], "60 s"),
        ("source.wav", ["--text", "🙂"], "spoken"),
        ("source.wav", ["--text", TEXT, "--speed", "9"], "speed"),
        ("source.wav", ["--text", TEXT, "--voice", "x.safetensors"], "not both"),
    ],
)
def test_what_the_caller_can_mend_is_one_line_and_status_two(
    model: Path,
    clips: Path,
    capsys: pytest.CaptureFixture[str],
    source: str,
    arguments: list[str],
    complaint: str,
) -> None:
    assert transfer(model, clips, source, *arguments) == MISUSED
    complaints = capsys.readouterr().err.strip().splitlines()
    assert len(complaints) == 1
    assert complaint in complaints[0]
    assert not (clips / "out.wav").exists()
