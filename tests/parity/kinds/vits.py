"""The decoders of v1, v2, v2Pro and v2ProPlus: every stage, whole and as a stream."""

import re
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from comps.gptsovits.checkpoints.parts import load_decoder
from comps.gptsovits.networks.vits.decoder import NOISE_SCALE, VitsDecoder
from comps.gptsovits.versions import Version
from tests.parity.case import Case
from tests.parity.kinds.kind import Kind, output


@dataclass(frozen=True)
class Condition:
    """What a tag in an output's name stands for."""

    style: Tensor
    noise: Tensor
    speed: float


class Vits(Kind):
    def __init__(self, case: Case) -> None:
        super().__init__(case)
        version = Version.parse(case.version)
        if case.manifest is None:
            decoder = load_decoder(case.container, version, config=case.container_config)
        else:
            weights = case.rebuilt_weights(skip=["enc_q."])
            decoder = load_decoder(weights, version, config=case.config["manifest"])
        assert isinstance(decoder, VitsDecoder)
        self.decoder = decoder
        self.tokens, self.phonemes = self.inputs["codes"][0], self.inputs["text"]

    @output(r"latent(_codes)?")
    def tokens_of_features(self) -> Tensor:
        return self.decoder.quantizer.encode(self.inputs["ssl"])[:, None]

    @output(r"style(?P<index>\d+)")
    def style_of_clip(self, index: str) -> Tensor:
        # Before the speaker vector.
        return self.decoder.style_encoder(self._references[int(index)])

    @output(r"ge")
    def style(self) -> Tensor:
        return self._style(1)

    @output(r"ge_\w+ref")
    def style_of_clips(self) -> Tensor:
        return self._style(len(self._references))

    @output(r"y_enc")
    def hidden(self) -> Tensor:
        return self._hidden()

    @output(r"m_p")
    def mean(self) -> Tensor:
        return self.decoder.prior.gaussian(self._hidden(), self._hidden()).mean

    @output(r"logs_p")
    def log_deviation(self) -> Tensor:
        return self.decoder.prior.gaussian(self._hidden(), self._hidden()).log_std

    @output(r"z(_(?P<tag>\w+))?")
    def latent(self, tag: str | None) -> Tensor:
        at = self._condition(tag)
        return self.decoder.latent(self.tokens, self.phonemes, at.style, at.noise, speed=at.speed)

    @output(r"o(_(?P<tag>\w+))?")
    def samples(self, tag: str | None) -> Tensor:
        at = self._condition(tag)
        return self.decoder.decode(self.tokens, self.phonemes, at.style, at.noise, speed=at.speed)[0]

    @output(r"pre_tanh")
    def samples_unbounded(self) -> Tensor:
        # What the vocoder's last convolution says before it is squeezed into -1 … 1.
        seen: list[Tensor] = []
        handle = self.decoder.vocoder.conv_out.register_forward_hook(lambda *call: seen.append(call[2]))
        try:
            self.samples(None)
        finally:
            handle.remove()
        return seen[0][0, 0]

    @output(r"stream_latent(?P<index>\d+)")
    def streamed_hidden(self, index: str) -> Tensor:
        return self._stream[int(index)]

    @output(r"stream_o(?P<index>\d+)")
    def streamed_samples(self, index: str) -> Tensor:
        hidden = self._stream[int(index)]
        prior = self.decoder.prior.gaussian(hidden, hidden)
        noise = self.inputs[f"stream_noise{index}"]
        sample = prior.mean + noise * prior.log_std.exp() * NOISE_SCALE
        style = self._style(1)
        return self.decoder.vocoder(self.decoder.flow.inverse(sample, style), style)[0]

    @cached_property
    def _stream(self) -> list[Tensor]:
        """Hidden frames of each chunk of a stream.

        The reference implementation decodes all tokens so far for every chunk, keeps the frames of the new
        ones and of a few before them, and fades from what it made of those few the last time, by a sine and a
        cosine. How many tokens a chunk brought follows from the lengths of the noise that was stored.
        """
        stride = self.decoder.config.token_stride
        n_chunks = sum(bool(re.fullmatch(r"stream_noise\d+", name)) for name in self.inputs)
        lengths = [self.inputs[f"stream_noise{i}"].shape[-1] for i in range(n_chunks)]
        n_frames = self.tokens.shape[-1] * stride
        overlap = (sum(lengths) - n_frames) // (n_chunks - 1) if n_chunks > 1 else 0
        chunks: list[Tensor] = []
        n_seen = 0
        for length in lengths:
            n_seen += length - (overlap if chunks else 0)
            frames = self._hidden(n_seen // stride)[..., -length:]
            if chunks:
                rising, falling = torch.sin(torch.arange(2 * overlap) * torch.pi / (2 * overlap)).chunk(2)
                faded = rising * frames[..., :overlap] + falling * chunks[-1][..., -overlap:]
                frames = torch.cat([faded, frames[..., overlap:]], -1)
            chunks.append(frames)
        return chunks

    def _hidden(self, n_tokens: int | None = None) -> Tensor:
        content = self.decoder.content(self.tokens[:, :n_tokens])
        style = self.decoder.prior_style(self._style(1))
        return self.decoder.prior.encode(content, self.phonemes, style)

    @property
    def _references(self) -> list[Tensor]:
        return _numbered(self.inputs, "refer")

    def _style(self, n_references: int) -> Tensor:
        speakers = _numbered(self.inputs, "sv_emb")[:n_references]
        return self.decoder.style(self._references[:n_references], speakers or None)

    def _condition(self, tag: str | None) -> Condition:
        noise = self.inputs[f"noise_{tag}" if tag else "noise"]
        speed = re.fullmatch(r"speed(\d)(\d+)", tag or "")
        return Condition(
            style=self._style(len(self._references) if (tag or "").endswith("ref") else 1),
            noise=torch.zeros_like(noise) if tag == "noise0" else noise,
            speed=float(f"{speed[1]}.{speed[2]}") if speed else 1.0,
        )


def _numbered(inputs: dict[str, Tensor], stem: str) -> list[Tensor]:
    """The inputs called `stem`, or `stem0`, `stem1` and so on, in order."""
    found = {name: re.fullmatch(rf"{stem}(\d*)", name) for name in inputs}
    numbers = sorted((int(match[1] or 0), name) for name, match in found.items() if match)
    return [inputs[name] for _, name in numbers]
