"""Model: everything that a request needs, loaded."""

from dataclasses import dataclass, field
from typing import Any

import torch
from tokenizers import Tokenizer

from comps.gptsovits.ear import Ear
from comps.gptsovits.networks.cfm.decoder import CfmDecoder
from comps.gptsovits.networks.encoders.bert import BertEncoder
from comps.gptsovits.networks.encoders.content import ContentEncoder
from comps.gptsovits.networks.encoders.eres2net import SpeakerEncoder
from comps.gptsovits.networks.t2s.model import T2S
from comps.gptsovits.networks.vits.decoder import VitsDecoder
from comps.gptsovits.versions import SpectrogramFacts, Version, VersionFacts


@dataclass
class Model:
    """Networks in inference mode on one device. Holds nothing of any request, so requests may share it."""

    id: str
    version: Version
    facts: VersionFacts
    fingerprint: str  # of t2s, decoder, content and speaker encoder: the same weights, the same fingerprint
    t2s: T2S
    decoder: VitsDecoder | CfmDecoder
    content: ContentEncoder
    bert: BertEncoder | None  # None: phonemes go without context, and Chinese is not spoken
    tokenizer: Tokenizer | None  # of the BERT
    speaker: SpeakerEncoder | None  # None unless the decoder wants a speaker vector
    languages: tuple[str, ...]
    sample_rate: int  # of the audio that comes out
    spectrogram: SpectrogramFacts  # how a reference becomes what the style encoder reads
    ear: Ear | None = None  # listens whether tokens say their text; official models have none
    config: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def inventory(self) -> str:
        """The name of the phoneme inventory."""
        return self.facts.symbols

    @property
    def samples_per_token(self) -> int:
        return self.decoder.config.samples_per_token

    @property
    def networks(self) -> dict[str, torch.nn.Module]:
        """Every network that is there, by name."""
        parts: dict[str, torch.nn.Module | None] = {
            "t2s": self.t2s,
            "decoder": self.decoder,
            "content": self.content,
            "bert": self.bert,
            "speaker": self.speaker,
        }
        return {name: network for name, network in parts.items() if network is not None}

    @property
    def n_bytes(self) -> int:
        """Memory of all weights."""
        return sum(
            tensor.numel() * tensor.element_size()
            for network in self.networks.values()
            for tensor in network.state_dict().values()
        )

    @property
    def device(self) -> torch.device:
        return self.t2s.phoneme_embedding.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.t2s.phoneme_embedding.weight.dtype

    def to(self, device: torch.device | str, dtype: torch.dtype) -> "Model":
        """The same model elsewhere, in place."""
        for network in self.networks.values():
            network.to(device=device, dtype=dtype)
        return self
