"""The decoders of v3 and v4: features, the solver, and speech made of chunks in sequence and side by side."""

import re
from dataclasses import asdict, replace
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from comps.gptsovits.checkpoints.load import Part
from comps.gptsovits.checkpoints.parts import Vocoder, read_decoder
from comps.gptsovits.dsp.mel import log_mel, normalize_mel
from comps.gptsovits.networks.cfm.chunks import ChunkSizes, FlowReference
from comps.gptsovits.networks.cfm.decoder import CfmDecoder
from comps.gptsovits.networks.cfm.dit import Dit, rotations
from comps.gptsovits.networks.cfm.sampler import sample_mel
from comps.gptsovits.networks.decoder import NoiseSource
from comps.gptsovits.networks.vocoders.hifigan import HifiGan, HifiGanConfig
from comps.gptsovits.versions import FACTS, FlowFacts, Version
from tests.parity.case import Case, cases_beside
from tests.parity.kinds.kind import Kind, output
from tests.parity.kinds.vocoder import vocoder_of

DEFAULT_STEPS = 4
# Where on the solver's path the stored velocity was taken.
VELOCITY_TIME, VELOCITY_STEP_SIZE = 0.25, 0.125
# Relative spacing of half-precision numbers as small as the slowest rotation.
HALF_PRECISION = 1e-3


class Cfm(Kind):
    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.version = Version.parse(case.version)
        flow = FACTS[self.version].flow
        assert flow is not None
        self.flow: FlowFacts = flow
        if case.manifest is None:
            vocoder, config = _vocoder_beside(case), case.container_config
            part = read_decoder(case.container, version=self.version, vocoder=vocoder, config=config)
        else:
            weights, config = case.rebuilt_weights(skip=["enc_q."]), case.config["manifest"]
            part = read_decoder(weights, version=self.version, vocoder=_no_vocoder(), config=config)
        assert isinstance(part.network, CfmDecoder)
        self.decoder = part.network
        _restore_constants(self.decoder.dit)
        if "chunk" in case.config:
            self.decoder.config = replace(self.decoder.config, sizes=_sizes(case.config["chunk"]))
        self.steps = int(case.config.get("sample_steps", DEFAULT_STEPS))

    def solver_steps(self, name: str) -> int:
        if found := re.fullmatch(r"cfm_s(\d+)_cfg\d+", name):
            return int(found[1])
        return self.steps if name.startswith(("chunked", "batched", "cfm")) else 0

    @output(r"latent(_codes)?")
    def tokens_of_features(self) -> Tensor:
        return self.decoder.quantizer.encode(self.inputs["ssl"])[:, None]

    @output(r"ge")
    def style(self) -> Tensor:
        return self._style

    @output(r"fea_ref")
    def reference_features(self) -> Tensor:
        return self._features(self.inputs["prompt_codes"][0], self.inputs["prompt_text"])

    @output(r"fea(_todo)?")
    def features(self) -> Tensor:
        return self._features(self.inputs["codes"][0], self.inputs["text"])

    @output(r"fea_speed(?P<whole>\d)(?P<fraction>\d+)")
    def stretched_features(self, whole: str, fraction: str) -> Tensor:
        speed = float(f"{whole}.{fraction}")
        return self._features(self.inputs["codes"][0], self.inputs["text"], speed=speed)

    @output(r"mel")
    def mel(self) -> Tensor:
        return log_mel(self.inputs["raw_audio"], **asdict(self.flow.mel), n_mels=self.flow.n_mels)

    @output(r"mel_norm")
    def normalized_mel(self) -> Tensor:
        return normalize_mel(self.mel())

    @output(r"voc_out")
    def vocoded(self) -> Tensor:
        return self.decoder.vocoder(self.inputs["voc_mel"])[0]

    @output(r"dit_v_t0")
    def velocity(self) -> Tensor:
        # One call of the network: zeros in the noise where the prompt is, and the prompt with zeros after it.
        prompt, noise = self.inputs["cfm_prompt"].transpose(1, 2), self.inputs["cfm_noise"].transpose(1, 2)
        n_known, n_frames = prompt.shape[1], noise.shape[1]
        fresh = torch.cat([torch.zeros_like(prompt), noise[:, n_known:]], 1)
        known = F.pad(prompt, (0, 0, 0, n_frames - n_known))
        dit, size = self.decoder.dit, (len(noise),)
        moment = dit.embed_moment(torch.full(size, VELOCITY_TIME), torch.full(size, VELOCITY_STEP_SIZE))
        return dit(fresh, known, dit.embed_features(self.inputs["cfm_mu"]), moment)

    @output(r"cfm_s(?P<steps>\d+)_cfg(?P<tenths>\d+)")
    def solved(self, steps: str, tenths: str) -> Tensor:
        features = self.inputs["cfm_mu"].transpose(1, 2)
        return self._solved(features, int(steps), guidance=int(tenths) / 10)

    @output(r"cfm")
    def solved_from_tokens(self) -> Tensor:
        noted = re.search(r"(\d+) steps", str(self.case.config.get("notes", "")))
        return self._solved(self.features(), int(noted[1]) if noted else self.steps)

    @output(r"chunked_audio")
    def in_sequence(self) -> Tensor:
        arguments = (self.inputs["codes"][0], self.inputs["text"], self._style, self._reference)
        return self.decoder.decode(*arguments, self._noise("chunked"), steps=self.steps)[0]

    @output(r"batched_audio_(?P<index>\d+)")
    def side_by_side(self, index: str) -> Tensor:
        return self._together[int(index)]

    @cached_property
    def _together(self) -> list[Tensor]:
        texts = [(self.inputs["codes"][0], self.inputs["text"])]
        while (name := f"batch_codes{len(texts) + 1}") in self.inputs:
            texts.append((self.inputs[name][None], self.inputs[name.replace("codes", "text")][None]))
        features = [self._features(tokens, phonemes) for tokens, phonemes in texts]
        noise = self._noise("batched")
        return self.decoder.decode_together(features, self._reference, noise, steps=self.steps)

    @cached_property
    def _style(self) -> Tensor:
        return self.decoder.style([self.inputs["refer"]])

    @cached_property
    def _reference(self) -> FlowReference:
        sizes = self.decoder.config.sizes
        return FlowReference.of_clip(self.normalized_mel(), self.reference_features(), sizes)

    def _features(self, tokens: Tensor, phonemes: Tensor, *, speed: float = 1.0) -> Tensor:
        bridged = self.decoder.bridged(tokens, phonemes, self._style, speed=speed)
        # The reference implementation counts the frames twice, before and after rounding, and masks what the
        # first count lacks: at some speeds that is the last frame of v4.
        frames_per_token = 3.875 if self.version is Version.V3 else 4
        n_frames = int(tokens.shape[-1] * frames_per_token / speed) + (speed != 1.0)
        mask = torch.arange(bridged.shape[-1])[None] < n_frames
        return self.decoder.context(bridged, self._style, mask)

    def _solved(self, features: Tensor, steps: int, *, guidance: float = 0.0) -> Tensor:
        prompt, noise = self.inputs["cfm_prompt"], self.inputs["cfm_noise"]
        return sample_mel(self.decoder.dit, features, prompt, noise, steps=steps, guidance=guidance)

    def _noise(self, stem: str) -> NoiseSource:
        """The stored noise, one tensor a call, in order."""
        n_calls = 0

        def stored(shape: tuple[int, ...]) -> Tensor:
            nonlocal n_calls
            noise = self.inputs[f"{stem}_noise_{n_calls}"]
            n_calls += 1
            if tuple(noise.shape) != shape:
                raise ValueError(
                    f"{stem}_noise_{n_calls - 1} is {list(noise.shape)}, asked for {list(shape)}"
                )
            return noise

        return stored


def _restore_constants(dit: Dit) -> None:
    # The stored file was rounded to half precision after the outputs had been computed. That changes no
    # parameter, for those had been rounded before, but it does change the rotations, which are constants.
    exact = rotations(dit.config.head_dim)
    if ((dit.rotations - exact) / exact).abs().max() < HALF_PRECISION:
        dit.rotations.copy_(exact)


def _sizes(chunk: dict[str, int]) -> ChunkSizes:
    return ChunkSizes(chunk["T_ref"], chunk["T_chunk"], chunk["overlapped_len"])


def _vocoder_beside(case: Case) -> Part[Vocoder]:
    """The vocoder of the folder's own version, which has a folder of its own beside it.

    Of several, the one that was tried on the same mel.
    """
    vocoders = [c for c in cases_beside(case) if c.kind == "vocoder" and c.version == case.version]

    def unlikeness(other: Case) -> bool:
        ours, theirs = case.inputs.get("voc_mel"), other.inputs.get("voc_mel")
        return ours is None or theirs is None or not torch.equal(ours, theirs)

    vocoders.sort(key=unlikeness)
    return vocoder_of(vocoders[0]) if vocoders else _no_vocoder()


class _NoVocoder(HifiGan):
    def forward(self, x: Tensor, style: Tensor | None = None) -> Tensor:
        raise FileNotFoundError("no folder beside this one holds the vocoder of its version")


def _no_vocoder() -> Part[Vocoder]:
    """Holds the place of a vocoder, and refuses to sound."""
    config = HifiGanConfig(1, 2, (1,), (1,), (1,), ((1,),))
    return Part(_NoVocoder(config), "", {})
