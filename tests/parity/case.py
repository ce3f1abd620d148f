"""One folder of stored inputs and outputs, and where its weights come from."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from tests.parity.rule import rebuilt

# What the manifest of a file is called begins with what the file holds.
KIND_OF_MANIFEST = {
    "s1": "s1",
    "s2": "s2",
    "vocoder": "vocoder",
    "sv": "sv",
    "chinese_hubert": "hubert",
    "chinese_roberta": "bert",
}


class NotAFolder(Exception):
    """A path given on the command line holds no stored outputs."""


@dataclass(frozen=True)
class Case:
    """`folder` holds config.json, inputs and outputs; weights lie beside them, or follow from `manifest`."""

    folder: Path
    manifest: Path | None = None

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def config(self) -> dict[str, Any]:
        """The folder's config, completed with the manifest's where the weights follow from one."""
        config: dict[str, Any] = json.loads((self.folder / "config.json").read_text())
        if self.manifest is not None:
            kind = next(k for prefix, k in KIND_OF_MANIFEST.items() if self.manifest.stem.startswith(prefix))
            config = {"kind": kind, **config, "manifest": self._manifest["config"]}
        return config

    @property
    def kind(self) -> str:
        return str(self.config.get("kind", "unknown"))

    @cached_property
    def version(self) -> str:
        """Of a decoder or a vocoder: as the config says, or as the manifest's name ends."""
        if "version" in self.config:
            return str(self.config["version"])
        assert self.manifest is not None
        return self.manifest.stem.split("_")[1]

    @cached_property
    def inputs(self) -> dict[str, Tensor]:
        return load_file(self.folder / "inputs.safetensors")

    @cached_property
    def outputs(self) -> dict[str, Tensor]:
        return load_file(self.folder / "outputs.safetensors")

    @property
    def container(self) -> Path:
        """The weights in the official file format, or as safetensors where there is no other file."""
        files = sorted(self.folder.glob("weights.*"), key=lambda path: path.suffix == ".safetensors")
        if not files:
            raise NotAFolder(f"{self.folder} has no weights: does it need --manifests?")
        return files[0]

    @property
    def container_config(self) -> dict[str, Any] | None:
        """What the official file says about its network, where the tensors come in another container."""
        return self.config.get("hps") if self.container.suffix == ".safetensors" else None

    def rebuilt_weights(self, *, skip: Sequence[str] = ()) -> dict[str, Tensor]:
        """Every tensor of the manifest, but those whose names begin with one of `skip`."""
        shapes = {
            k: tuple(s) for k, (s, _) in self._manifest["keys"].items() if not k.startswith(tuple(skip))
        }
        return rebuilt(shapes, seed=int(self.config.get("seed", 0)))

    @cached_property
    def _manifest(self) -> Mapping[str, Any]:
        assert self.manifest is not None
        manifest: Mapping[str, Any] = json.loads(self.manifest.read_text())
        return manifest


def find_cases(paths: Sequence[Path], manifests: Path | None = None) -> list[Case]:
    """Every folder of stored outputs in or under `paths`, in order. Raises NotAFolder where there is none."""
    return [case for path in paths for case in _cases_under(path, manifests)]


def cases_beside(case: Case) -> list[Case]:
    """The other folders with weights in the same parent folder."""
    folders = sorted({found.parent for found in case.folder.resolve().parent.glob("*/outputs.safetensors")})
    return [Case(folder) for folder in folders if any(folder.glob("weights.*"))]


def _cases_under(path: Path, manifests: Path | None) -> Iterator[Case]:
    folders = sorted({found.parent for found in path.rglob("outputs.safetensors")})
    if not folders:
        raise NotAFolder(f"{path} holds no outputs.safetensors, at any depth")
    for folder in folders:
        yield Case(folder, None if any(folder.glob("weights.*")) else _manifest_of(folder, manifests))


def _manifest_of(folder: Path, manifests: Path | None) -> Path | None:
    """The manifest that the config names, or else the one called like the folder, if there is one."""
    if manifests is None:
        return None
    named = re.search(r"(\w+)\.json", json.loads((folder / "config.json").read_text()).get("weights", ""))
    for stem in [*(named.groups() if named else ()), folder.name]:
        if (manifests / f"{stem}.json").is_file():
            return manifests / f"{stem}.json"
    return None
