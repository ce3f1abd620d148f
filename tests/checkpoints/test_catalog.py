"""What lies in a folder of models: pairs are found, names are told apart, what is missing is named."""

import json
import os
import shutil
from pathlib import Path

import pytest

from comps.gptsovits.checkpoints import catalog
from comps.gptsovits.checkpoints.assets import PATHS, Asset
from comps.gptsovits.checkpoints.catalog import Entry, Scanner
from comps.gptsovits.versions import Version
from tests.checkpoints.test_lora import write_lora
from tests.tiny import decoder_hyper, write_assets, write_decoder, write_own, write_t2s


def entries(root: Path) -> dict[str, Entry]:
    return {entry.id: entry for entry in Scanner(root).scan()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with all that v2 needs."""
    return write_assets(tmp_path / "models", "v2")


def test_an_empty_or_missing_folder_has_no_models(tmp_path: Path) -> None:
    assert entries(tmp_path) == {}
    assert entries(tmp_path / "nothing") == {}


def test_shared_encoders_are_no_models(root: Path) -> None:
    assert entries(root) == {}


def test_a_folder_of_its_own_names_a_pair_whatever_its_files_are_called(root: Path) -> None:
    t2s = write_t2s(root / "alice/one.ckpt")
    decoder = write_decoder(root / "alice/two.pth")
    found = entries(root)["alice"]
    assert (found.t2s, found.file, found.version) == (t2s, decoder, Version.V2)
    assert found.is_ready


def test_the_reference_projects_tree_is_paired_by_experiment_and_the_last_epoch(root: Path) -> None:
    for name in ("bob-e5", "bob-e15", "carol-e20"):
        write_t2s(root / f"GPT_weights_v2/{name}.ckpt")
    write_t2s(root / "GPT_weights/bob-e30.ckpt", "v1")
    for name in ("bob_e4_s48", "bob_e8_s96", "carol_e8_s100"):
        write_decoder(root / f"SoVITS_weights_v2/{name}.pth")
    found = entries(root)
    assert set(found) == {"bob_e4_s48", "bob_e8_s96", "carol_e8_s100"}
    assert [found[name].t2s.name for name in sorted(found) if found[name].t2s] == [
        "bob-e15.ckpt",
        "bob-e15.ckpt",
        "carol-e20.ckpt",
    ]


def test_a_decoder_without_its_own_t2s_takes_the_official_one(root: Path) -> None:
    official = write_t2s(root / f"gsv-v2final-pretrained/{catalog.OFFICIAL_T2S[Version.V2]}.ckpt")
    write_t2s(root / "s1v3.ckpt")
    write_t2s(root / "GPT_weights_v2/other-e15.ckpt")
    write_decoder(root / "SoVITS_weights_v2/dave_e8_s96.pth")
    assert entries(root)["dave_e8_s96"].t2s == official


def test_official_models_are_called_by_their_version(root: Path) -> None:
    write_assets(root, "v2Pro")
    write_assets(root, "v4")
    t2s = write_t2s(root / "s1v3.ckpt")
    write_decoder(root / "v2Pro/s2Gv2Pro.pth", "v2Pro")
    write_decoder(root / "v2Pro/s2Gv2ProPlus.pth", "v2ProPlus")
    write_decoder(root / "gsv-v4-pretrained/s2Gv4.pth", "v4")
    found = entries(root)
    assert set(found) == {"v2Pro", "v2ProPlus", "v4"}
    assert all(entry.t2s == t2s and entry.is_ready for entry in found.values())


def test_the_reference_projects_whole_tree_may_be_put_in(tmp_path: Path) -> None:
    write_assets(tmp_path / "GPT_SoVITS/pretrained_models", "v2")
    write_t2s(tmp_path / "GPT_weights_v2/bob-e15.ckpt")
    write_decoder(tmp_path / "SoVITS_weights_v2/bob_e8_s96.pth")
    assert entries(tmp_path)["bob_e8_s96"].is_ready


@pytest.mark.parametrize(
    ("version", "asset"),
    [
        ("v2", Asset.CONTENT),
        ("v2Pro", Asset.SPEAKER),
        ("v3", Asset.VOCODER_V3),
        ("v4", Asset.VOCODER_V4),
    ],
)
def test_what_a_model_lacks_is_named_by_its_official_path(version: str, asset: Asset, tmp_path: Path) -> None:
    write_assets(tmp_path, version)
    write_t2s(tmp_path / "alice/a.ckpt")
    write_decoder(tmp_path / "alice/a.pth", version)
    assert entries(tmp_path)["alice"].is_ready
    place = tmp_path / PATHS[asset][0]
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    found = entries(tmp_path)["alice"]
    assert [lack.startswith(PATHS[asset][0]) for lack in found.lacks] == [True]
    assert not found.is_ready


def test_a_missing_t2s_and_a_missing_text_encoder_are_told(root: Path) -> None:
    write_decoder(root / "alice/a.pth")
    shutil.rmtree(root / "chinese-roberta-wwm-ext-large")
    found = entries(root)["alice"]
    assert "T2S" in found.lacks[0]
    assert "Chinese" in found.without[0]


def test_a_t2s_of_other_symbols_is_no_partner(root: Path) -> None:
    write_t2s(root / "alice/a.ckpt", "v1")
    write_decoder(root / "alice/a.pth", "v2")
    assert entries(root)["alice"].t2s is None


def unlabelled(path: Path, version: str) -> Path:
    config = decoder_hyper(version)
    del config["model"]["version"]
    return write_decoder(path, version, config=config)


def test_an_ambiguous_file_asks_and_a_note_answers(tmp_path: Path) -> None:
    write_assets(tmp_path, "v4")
    write_t2s(tmp_path / "alice/a.ckpt")
    unlabelled(tmp_path / "alice/a.pth", "v4")
    found = entries(tmp_path)["alice"]
    assert found.version is None
    assert found.problem is not None
    assert "model.json" in found.problem
    (tmp_path / "alice/model.json").write_text(json.dumps({"version": "v4"}))
    assert entries(tmp_path)["alice"].version == Version.V4
    assert entries(tmp_path)["alice"].is_ready


def test_the_reference_projects_folder_answers_too(tmp_path: Path) -> None:
    unlabelled(tmp_path / "SoVITS_weights_v4/a_e2_s10.pth", "v4")
    unlabelled(tmp_path / "SoVITS_weights_v3/b_e2_s10.pth", "v3")
    found = entries(tmp_path)
    assert (found["a_e2_s10"].version, found["b_e2_s10"].version) == (Version.V4, Version.V3)


def test_a_note_may_name_the_t2s(root: Path) -> None:
    write_t2s(root / "alice/first.ckpt")
    second = write_t2s(root / "alice/second.ckpt")
    write_decoder(root / "alice/a.pth")
    (root / "alice/model.json").write_text(json.dumps({"t2s": "second.ckpt"}))
    assert entries(root)["alice"].t2s == second


@pytest.mark.parametrize("note", ["{", "[1]", '{"version": 4}', '{"version": "v9"}'])
def test_a_note_of_nonsense_is_that_models_problem_alone(note: str, root: Path) -> None:
    write_t2s(root / "alice/a.ckpt")
    write_decoder(root / "alice/a.pth")
    shutil.copytree(root / "alice", root / "bob")
    (root / "alice/model.json").write_text(note)
    found = entries(root)
    assert found["alice"].problem is not None
    assert found["bob"].is_ready


def test_a_lora_needs_its_base(tmp_path: Path) -> None:
    write_assets(tmp_path, "v3")
    write_t2s(tmp_path / "s1v3.ckpt")
    write_lora(tmp_path / "SoVITS_weights_v3/alice_e2_s124_l32.pth", "v3")
    found = entries(tmp_path)["alice_e2_s124_l32"]
    assert found.is_lora
    assert found.lacks == ("s2Gv3.pth",)
    write_decoder(tmp_path / "s2Gv3.pth", "v3")
    found = entries(tmp_path)["alice_e2_s124_l32"]
    assert found.is_ready
    assert set(entries(tmp_path)) == {"alice_e2_s124_l32", "v3"}


def test_our_own_form_is_called_by_its_folder(tmp_path: Path) -> None:
    own = write_own(tmp_path / "work")
    for name in ("starter", "other"):
        (tmp_path / "models" / name).mkdir(parents=True)
        shutil.copy(own, tmp_path / "models" / name / "model.safetensors")
    shutil.copy(own, tmp_path / "models/third.safetensors")
    found = entries(tmp_path / "models")
    assert set(found) == {"starter", "other", "third"}
    assert all(entry.is_ready and entry.t2s is None for entry in found.values())


def test_equal_names_are_told_apart_by_their_folders(root: Path) -> None:
    for folder in ("x", "y"):
        write_t2s(root / f"{folder}/alice/a.ckpt")
        write_decoder(root / f"{folder}/alice/a.pth")
    assert set(entries(root)) == {"x-alice-a", "y-alice-a"}


def test_broken_files_are_listed_with_their_problem_and_disturb_nobody(root: Path) -> None:
    write_t2s(root / "alice/a.ckpt")
    write_decoder(root / "alice/a.pth")
    (root / "page.pth").write_text("<html>")
    (root / "cut.pth").write_bytes((root / "alice/a.pth").read_bytes()[:1000])
    os.symlink(root / "nowhere", root / "dangling.pth")
    (root / "notes.txt").write_text("not a model")
    (root / ".hidden.pth").write_text("not listed")
    found = entries(root)
    assert found["alice"].is_ready
    assert "web page" in (found["page"].problem or "")
    assert found["cut"].problem
    assert set(found) == {"alice", "page", "cut"}


def test_unchanged_files_are_opened_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_t2s(root / "alice/a.ckpt")
    write_decoder(root / "alice/a.pth")
    opened: list[Path] = []
    real = catalog.open_checkpoint
    monkeypatch.setattr(catalog, "open_checkpoint", lambda path: opened.append(path) or real(path))
    scanner = Scanner(root)
    first = scanner.scan()
    assert len(opened) == 2
    assert scanner.scan() == first
    assert len(opened) == 2
    write_decoder(root / "alice/a.pth", seed=1)
    os.utime(root / "alice/a.pth", ns=(1, 1))
    scanner.scan()
    assert len(opened) == 3


def test_a_t2s_that_no_decoder_goes_with_is_listed_once_an_experiment(root: Path) -> None:
    write_t2s(root / "erin/first-e5.ckpt")
    write_t2s(root / "GPT_weights_v2/frank-e5.ckpt")
    furthest = write_t2s(root / "GPT_weights_v2/frank-e15.ckpt")
    write_t2s(root / "GPT_weights_v2/grace-e5.ckpt")
    write_decoder(root / "SoVITS_weights_v2/grace_e8_s96.pth")
    found = entries(root)
    assert set(found) == {"erin", "frank-e15", "grace_e8_s96"}
    assert found["frank-e15"].file == furthest
    assert not found["frank-e15"].is_ready
    assert "decoder" in found["erin"].lacks[0]
    write_decoder(root / "erin/second_e2_s4.pth")
    assert entries(root)["erin"].is_ready
