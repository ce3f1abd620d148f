"""An official pair as one file in our own form, with nothing lost: what was half stays half."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from comps.gptsovits.checkpoints.build import own_config, read_pair
from comps.gptsovits.checkpoints.load import Part
from comps.gptsovits.checkpoints.own import save_model
from comps.gptsovits.versions import Version


def convert_pair(
    t2s: Path,
    decoder: Path,
    destination: Path,
    *,
    assets: Path,
    version: Version | None = None,
    self_contained: bool = True,
    languages: tuple[str, ...] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> str:
    """Writes `destination` and returns the model's fingerprint, the same as the pair's.

    A file that is not `self_contained` leaves out the content and speaker encoders, which are then found as
    for the official files. Chinese needs the text encoder beside it in either case.
    Raises what `load_pair` raises.
    """
    pair = read_pair(t2s, decoder, assets=assets, version=version)
    parts: dict[str, Mapping[str, Tensor]] = {"t2s": pair.t2s.stored(), "decoder": pair.decoder.stored()}
    if self_contained:
        parts["content"] = _plain_names(pair.content)
        if pair.speaker is not None:
            parts["speaker"] = pair.speaker.stored()
    config = own_config(pair)
    if languages is not None:
        config["languages"] = list(languages)
    sources = {name: _source(path) for name, path in (("t2s", Path(t2s)), ("decoder", Path(decoder)))}
    save_model(
        destination,
        parts=parts,
        config=config,
        provenance={"converted_from": sources, "fingerprint": pair.fingerprint, **(provenance or {})},
    )
    return pair.fingerprint


def _plain_names(content: Part[Any]) -> dict[str, Tensor]:
    return {name.removeprefix("model."): tensor for name, tensor in content.stored().items()}


def _source(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": digest.hexdigest()}
