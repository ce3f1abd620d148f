"""The command line, through its own front door, with a tiny random model."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from comps.gptsovits.cli import FAILED, MISUSED, main, make_parser
from comps.gptsovits.voice import Voice
from tests.engine.small import clip
from tests.tiny import write_own

TEXT = "Two words."


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_own(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audio") / "clip.wav"
    waveform = clip()
    soundfile.write(path, waveform.samples, waveform.rate)
    return path


def speak(model: Path, *arguments: object, output: Path) -> int:
    fixed = ["--model", model, "-o", output, "--quiet", "--tokens", 15]
    return main(["speak", *(str(a) for a in (*arguments, *fixed))])


def test_speaking_writes_a_file_and_says_where(
    model: Path, reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "new" / "out.wav"
    assert speak(model, TEXT, "--reference", reference, "--seed", 3, output=output) == 0
    samples, rate = soundfile.read(output)
    assert rate == 32_000
    assert len(samples) == 15 * 1_280
    said = capsys.readouterr().out
    assert str(output) in said
    assert "seed 3" in said


def test_the_same_seed_writes_the_same_file(model: Path, reference: Path, tmp_path: Path) -> None:
    outputs = [tmp_path / f"{i}.flac" for i in range(2)]
    for output in outputs:
        speak(model, TEXT, "--reference", reference, "--seed", 5, output=output)
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


def test_a_processed_voice_speaks_as_its_clip_does(model: Path, reference: Path, tmp_path: Path) -> None:
    voice = tmp_path / "voice.safetensors"
    said = "A hum, and no words."
    assert main(["process", str(reference), "--text", said, "--model", str(model), "-o", str(voice)]) == 0
    assert Voice.from_bytes(voice.read_bytes()).prompt_text == said
    direct, stored = tmp_path / "direct.wav", tmp_path / "stored.wav"
    speak(model, TEXT, "--reference", reference, "--reference-text", said, "--seed", 1, output=direct)
    speak(model, TEXT, "--voice", voice, "--seed", 1, output=stored)
    assert np.array_equal(soundfile.read(direct)[0], soundfile.read(stored)[0])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["🙂", "--reference", "CLIP"], "spoken"),
        ([TEXT, "--reference", "nowhere.wav"], "nowhere.wav"),
        ([TEXT, "--reference", "CLIP", "--speed", "9"], "speed"),
        ([TEXT, "--reference", "CLIP", "--voice", "x.safetensors"], "not both"),
        ([TEXT, "--reference", "CLIP", "--language", "tlh"], "tlh"),
        ([TEXT, "--reference", "CLIP", "--device", "abacus"], "abacus"),
    ],
)
def test_what_the_caller_can_mend_is_one_line_and_status_two(
    model: Path,
    reference: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    complaint: str,
) -> None:
    given = [str(reference) if a == "CLIP" else a for a in arguments]
    assert speak(model, *given, output=tmp_path / "out.wav") == MISUSED
    complaints = capsys.readouterr().err.strip().splitlines()
    assert len(complaints) == 1
    assert complaint in complaints[0]
    assert not (tmp_path / "out.wav").exists()


def test_an_unknown_file_type_and_a_missing_model_are_named(
    model: Path, reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert speak(model, TEXT, "--reference", reference, output=tmp_path / "out.docx") == MISUSED
    assert "out.docx" in capsys.readouterr().err
    missing = tmp_path / "no-such-model"
    assert speak(missing, TEXT, "--reference", reference, output=tmp_path / "out.wav") == FAILED
    assert "no-such-model" in capsys.readouterr().err


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    parser = make_parser()
    actions = [a for a in parser._actions if a.dest == "command"]
    names = list(actions[0].choices or ())
    assert {"speak", "process"} <= set(names)
    for name in names:
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0
    assert "speak" in capsys.readouterr().out


def test_help_imports_no_torch() -> None:
    code = (
        "import sys; from comps.gptsovits.cli import make_parser; make_parser();"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_bench_measures_both_stages_and_the_whole(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["bench", "--model", str(model), "--tokens", "12", "--requests", "2", "--concurrent", "2"]
    assert main([*arguments, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["t2s_form"] in figures["t2s_forms_ms"]
    for name in (
        "t2s_tokens_per_second",
        "t2s_ratio_exact",
        "t2s_ratio",
        "t2s_ratio_8",
        "decoder_ratio",
        "rtf",
        "first_audio_p50",
        "first_audio_p95",
        "peak_memory_bytes",
    ):
        assert figures[name] > 0, name
