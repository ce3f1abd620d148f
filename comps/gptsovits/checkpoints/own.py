"""Our own form: one safetensors file a model, with its config and where it came from.

Tensors are called `t2s.…`, `decoder.…`, `content.…`, `speaker.…`, then as in the networks here (`content`:
as in `transformers`); `ear.sounds` and `ear.classes` where there is an ear. Metadata:
`format`, and as JSON `config` and `provenance`.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from safetensors.torch import save_file
from torch import Tensor

from comps.cores.errors import CorruptCheckpoint, UnknownCheckpoint
from comps.gptsovits.checkpoints.checks import sound
from comps.gptsovits.checkpoints.configs import from_json
from comps.gptsovits.checkpoints.detect import OWN_FORMAT, Kind, kind_of
from comps.gptsovits.checkpoints.load import Part, fill
from comps.gptsovits.checkpoints.parts import (
    OPTIONAL_CONTENT,
    Decoder,
    Vocoder,
    constructed,
    content_encoder,
    with_vocoder,
)
from comps.gptsovits.checkpoints.reader import Checkpoint
from comps.gptsovits.checkpoints.tables.encoders import CONTENT
from comps.gptsovits.checkpoints.weights import InMemory, Stored, Under, Weights, Without
from comps.gptsovits.ear import Ear
from comps.gptsovits.networks.cfm.decoder import CfmConfig, CfmDecoder
from comps.gptsovits.networks.encoders.content import ContentEncoder
from comps.gptsovits.networks.encoders.eres2net import SpeakerConfig, SpeakerEncoder
from comps.gptsovits.networks.t2s.config import T2SConfig
from comps.gptsovits.networks.t2s.model import T2S
from comps.gptsovits.networks.vits.decoder import VitsConfig, VitsDecoder

PARTS = ("t2s", "decoder", "content", "speaker", "ear")


def save_model(
    path: Path,
    *,
    parts: Mapping[str, Mapping[str, Tensor]],
    config: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> None:
    """Writes `parts` (state dicts, of which t2s and decoder must be there) under a temporary name first.

    `config` says version, t2s, decoder, content (and speaker) sizes, sample_rate, hop_length, n_fft and
    languages; `provenance` is free, and shown by `gptsovits inspect`.
    """
    if not {"t2s", "decoder"} <= set(parts) <= set(PARTS):
        raise ValueError(f"a model consists of {', '.join(PARTS)}, not of {', '.join(parts)}")
    tensors = {
        f"{part}.{name}": tensor.detach().cpu().contiguous().clone()
        for part, state in parts.items()
        for name, tensor in state.items()
    }
    metadata = {
        "format": OWN_FORMAT,
        "config": json.dumps(config, sort_keys=True),
        "provenance": json.dumps(provenance, sort_keys=True),
    }
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # safetensors makes files for their owner alone; a server of another account is to read this one.
        temporary.touch()
        mode = temporary.stat().st_mode
        save_file(tensors, temporary, metadata=metadata)
        temporary.chmod(mode)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


class OwnModel:
    """The parts of an opened file in our own form."""

    def __init__(self, checkpoint: Checkpoint, *, tensors: Mapping[str, Tensor] | None = None) -> None:
        """`tensors` stand in for the file's own."""
        if kind_of(checkpoint) is not Kind.MODEL:
            raise UnknownCheckpoint(f"{checkpoint.path.name} is not a model of the form {OWN_FORMAT}")
        self._checkpoint = checkpoint
        self._all: Weights = Stored(checkpoint) if tensors is None else InMemory(tensors)
        self.config = checkpoint.config
        self._check_names()

    @property
    def provenance(self) -> dict[str, Any]:
        try:
            found = json.loads(self._checkpoint.metadata.get("provenance", "{}"))
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def __contains__(self, part: str) -> bool:
        return any(name.startswith(f"{part}.") for name in self._checkpoint.tensors)

    def t2s(self) -> Part[T2S]:
        config = sound(from_json(T2SConfig, self._section("t2s"), "config.t2s"))
        return fill(constructed(lambda: T2S(config)), self._weights("t2s"))

    def decoder(self) -> Part[Decoder]:
        section = self._section("decoder")
        weights = self._weights("decoder")
        if "dit" in section:
            cfm = sound(from_json(CfmConfig, section, "config.decoder"))
            network = constructed(lambda: CfmDecoder(cfm))
            vocoder = fill(cast(Vocoder, network.vocoder), self._weights("decoder.vocoder"))
            own = Without(weights, ("vocoder.",))
            return with_vocoder(fill(network, own, apart=("vocoder",)), vocoder)
        vits = sound(from_json(VitsConfig, section, "config.decoder"))
        return fill(constructed(lambda: VitsDecoder(vits)), weights)

    def content(self) -> Part[ContentEncoder]:
        encoder = content_encoder(self._section("content"))
        return fill(encoder, self._weights("content"), CONTENT, optional=OPTIONAL_CONTENT)

    def speaker(self) -> Part[SpeakerEncoder]:
        config = sound(from_json(SpeakerConfig, self._section("speaker"), "config.speaker"))
        return fill(constructed(lambda: SpeakerEncoder(config)), self._weights("speaker"))

    def ear(self) -> Ear:
        """Raises CorruptCheckpoint where its table does not fit the model."""
        weights = self._weights("ear")
        try:
            sounds, classes = (weights.read(name) for name in ("sounds", "classes"))
            section = self._section("ear")
            clear, retries = float(section["clear"]), int(section.get("retries", 2))
            config = from_json(T2SConfig, self._section("t2s"), "config.t2s")
            if (len(sounds), len(classes)) != (config.end_token, config.n_symbols):
                raise ValueError("it is of another model")
            return Ear(sounds.float().numpy(), classes.long().numpy(), clear=clear, retries=retries)
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptCheckpoint(f"{self._checkpoint.path.name}: its ear is not sound: {error}") from None

    def _weights(self, part: str) -> Weights:
        return Under(self._all, f"{part}.")

    def _section(self, name: str) -> dict[str, Any]:
        section = self.config.get(name)
        if not isinstance(section, dict):
            raise CorruptCheckpoint(f"{self._checkpoint.path.name}: its config has no {name!r}")
        return section

    def _check_names(self) -> None:
        strangers = [n for n in self._checkpoint.tensors if n.partition(".")[0] not in PARTS]
        if strangers:
            raise CorruptCheckpoint(f"{self._checkpoint.path.name} holds {strangers[0]!r}, of no known part")
