"""`gptsovits inspect`, `convert` and `models`, as a user meets them."""

import json
import shutil
from pathlib import Path

import pytest

from comps.gptsovits.cli import main
from comps.gptsovits.versions import Version
from tests.checkpoints.malice import Calling, pickled, torch_zip
from tests.tiny import write_assets, write_decoder, write_own, write_pair, write_t2s, write_vocoder

SCREEN = (24, 110)


@pytest.mark.parametrize("version", Version)
def test_inspect_explains_any_decoder_in_one_screen(
    version: Version, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_decoder(tmp_path / "renamed.bin", version)
    assert main(["inspect", str(path), "--assets", str(write_assets(tmp_path / "models", version))]) == 0
    lines = capsys.readouterr().out.splitlines()
    text = "\n".join(lines)
    assert f"decoder of {version}" in text
    for word in ("kHz", "English", "symbols", "float16", "8epoch_96iteration", "found", "fits"):
        assert word in text
    assert "MISSING" not in text
    assert len(lines) <= SCREEN[0]


def test_inspect_names_what_is_missing_beside_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["inspect", str(write_decoder(tmp_path / "x.pth", "v3"))])
    text = capsys.readouterr().out
    assert "MISSING: chinese-hubert-base/pytorch_model.bin" in text
    assert "MISSING: models--nvidia--bigvgan" in text


def test_inspect_knows_every_kind_of_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = write_own(tmp_path / "own", "v4")
    files = [
        write_t2s(tmp_path / "x.ckpt"),
        own.parent,
        write_vocoder(tmp_path, "v3"),
        tmp_path / "own/official/chinese-hubert-base",
    ]
    assert main(["inspect", *map(str, files)]) == 0
    text = capsys.readouterr().out
    for words in ("t2s of", "model of v4", "vocoder of v3", "content encoder of", "converted_from"):
        assert words in text


def test_inspect_says_no_to_a_file_that_does_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_t2s(tmp_path / "x.ckpt")
    from comps.gptsovits.checkpoints.reader import open_checkpoint
    from tests.tiny import t2s_hyper, write_official

    with open_checkpoint(path) as checkpoint:
        tensors = {name: checkpoint.read(name) for name in checkpoint.tensors}
    del tensors["model.h.layers.0.norm2.bias"]
    write_official(path, tensors, config=t2s_hyper("v2"))
    assert main(["inspect", str(path)]) == 1
    assert "no: " in capsys.readouterr().out


@pytest.mark.parametrize("command", ["inspect", "convert"])
def test_a_malicious_file_is_an_error_message_and_nothing_else(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    marker = tmp_path / "executed"
    path = torch_zip(tmp_path / "evil.pth", pickled(Calling(open, str(marker), "w")))
    more = [str(path), "-o", str(tmp_path / "x.safetensors")] if command == "convert" else []
    assert main([command, str(path), *more]) == 1
    assert "no checkpoint needs" in capsys.readouterr().err
    assert not marker.exists()


def test_inspect_of_an_ambiguous_file_asks_and_takes_an_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.tiny import decoder_hyper

    config = decoder_hyper("v4")
    del config["model"]["version"]
    path = write_decoder(tmp_path / "x.pth", "v4", config=config)
    assert main(["inspect", str(path)]) == 0
    assert "say which with --version" in capsys.readouterr().out
    assert main(["inspect", str(path), "--version", "V4"]) == 0
    assert "48 kHz" in capsys.readouterr().out
    assert main(["inspect", str(path), "--version", "v5"]) == 2


def test_convert_writes_a_model_that_models_lists_and_inspect_explains(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = write_pair(tmp_path / "assets", "v2Pro")
    output = tmp_path / "models/alice/model.safetensors"
    command = ["convert", str(pair.t2s), str(pair.decoder), "-o", str(output), "--assets", str(pair.root)]
    assert main(command) == 0
    assert "fingerprint" in capsys.readouterr().out
    assert main(command) == 2  # it exists
    assert main([*command, "--force"]) == 0
    capsys.readouterr()
    assert main(["models", str(tmp_path / "models"), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["id"] == "alice"
    assert listed["ready"] is True
    assert main(["inspect", str(output.parent)]) == 0


def test_convert_names_a_missing_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = write_pair(tmp_path, "v2")
    shutil.rmtree(tmp_path / "chinese-hubert-base")
    output = tmp_path / "x.safetensors"
    assert (
        main(["convert", str(pair.t2s), str(pair.decoder), "-o", str(output), "--assets", str(tmp_path)]) == 1
    )
    assert "chinese-hubert-base" in capsys.readouterr().err
    assert not output.exists()


def test_models_says_what_is_there_and_what_each_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pair(tmp_path / "models", "v2")
    write_decoder(tmp_path / "models/bob/b.pth", "v4")
    assert main(["models", str(tmp_path / "models")]) == 0
    text = capsys.readouterr().out
    assert "tiny" in text
    assert "ready" in text
    assert "bob: lacks gsv-v4-pretrained/vocoder.pth" in text
    assert main(["models", str(tmp_path / "nothing")]) == 2
    (tmp_path / "empty").mkdir()
    assert main(["models", str(tmp_path / "empty")]) == 0
    assert "gptsovits download" in capsys.readouterr().out


def test_a_model_may_be_named_as_the_catalogue_lists_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import argparse

    from comps.gptsovits.commands.shared import add_model_options, load

    pair = write_pair(tmp_path / "models", "v2")
    monkeypatch.chdir(tmp_path)
    parser = argparse.ArgumentParser()
    add_model_options(parser)
    assert load(parser.parse_args(["--model", "tiny"])).fingerprint == pair.load().fingerprint


def test_convert_finds_the_encoders_beside_the_pair(tmp_path: Path) -> None:
    pair = write_pair(tmp_path / "alice", "v2")
    output = tmp_path / "alice.safetensors"
    assert main(["convert", str(pair.t2s), str(pair.decoder), "-o", str(output)]) == 0
    assert output.stat().st_size > 1_000
