"""Every network's sizes, read off its tensors; what they do not tell comes from the file's config."""

import re
from collections.abc import Mapping

from comps.cores.errors import MissingTensors
from comps.gptsovits.checkpoints.hyper import Hyper
from comps.gptsovits.networks.cfm.chunks import ChunkSizes
from comps.gptsovits.networks.cfm.decoder import CfmConfig
from comps.gptsovits.networks.cfm.dit import DitConfig
from comps.gptsovits.networks.encoders.eres2net import SpeakerConfig
from comps.gptsovits.networks.semantic.prior import PriorConfig
from comps.gptsovits.networks.t2s.config import T2SConfig
from comps.gptsovits.networks.vits.decoder import VitsConfig
from comps.gptsovits.networks.vocoders.bigvgan import BigVganConfig
from comps.gptsovits.networks.vocoders.hifigan import HifiGanConfig
from comps.gptsovits.versions import FlowFacts

# Upsampling of the published networks by their kernels, for files whose config is lost.
_RATES = {
    (16, 16, 8, 2, 2): (10, 8, 2, 2, 2),
    (20, 16, 8, 2, 2): (10, 8, 2, 2, 2),
    (20, 12, 4, 4, 4): (10, 6, 2, 2, 2),
    (8, 8, 4, 4, 4, 4): (4, 4, 2, 2, 2, 2),
}
_MAX_WIDTH = 1 << 16
_OFFICIAL_T2S_DIM, _OFFICIAL_T2S_HEADS = 512, 16


class Shapes:
    """Shapes by official name, weight norm folded. A missing one is `MissingTensors`."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self._shapes = shapes

    def __contains__(self, name: str) -> bool:
        return name in self._shapes

    def of(self, name: str, dim: int) -> int:
        shape = self._shapes.get(name)
        if shape is None or len(shape) <= dim:
            raise MissingTensors(f"the file has no proper {name!r}, which tells a size of the network")
        if shape[dim] > _MAX_WIDTH:
            raise MissingTensors(f"{name!r} is {list(shape)}, wider than any network")
        return shape[dim]

    def count(self, pattern: str, *, step: int = 1) -> int:
        """How many numbers stand where `pattern` has `#`: 0, 1, 2 … times `step`, without a gap."""
        expression = re.compile(re.escape(pattern).replace(r"\#", r"(\d+)"))
        found = {int(match[1]) // step for name in self._shapes if (match := expression.match(name))}
        if found and max(found) + 1 != len(found):
            raise MissingTensors(f"of {pattern!r} some numbers are missing below {max(found)}")
        return len(found)


def t2s_config(shapes: Shapes, hyper: Hyper) -> T2SConfig:
    dim = shapes.of("ar_text_embedding.word_embeddings.weight", 1)
    return T2SConfig(
        n_symbols=shapes.of("ar_text_embedding.word_embeddings.weight", 0),
        vocab_size=shapes.of("ar_predict_layer.weight", 0),
        dim=dim,
        n_heads=hyper.integer("head", _OFFICIAL_T2S_HEADS if dim == _OFFICIAL_T2S_DIM else None),
        ffn_dim=shapes.of("h.layers.0.linear1.weight", 0),
        n_layers=shapes.count("h.layers.#."),
        bert_dim=shapes.of("bert_proj.weight", 1),
    )


def prior_config(shapes: Shapes) -> PriorConfig:
    channels = shapes.of("enc_p.ssl_proj.weight", 0)
    first = "enc_p.encoder_text.attn_layers.0"
    return PriorConfig(
        n_symbols=shapes.of("enc_p.text_embedding.weight", 0),
        feature_dim=shapes.of("enc_p.ssl_proj.weight", 1),
        channels=channels,
        latent_channels=shapes.of("enc_p.proj.weight", 0) // 2,
        ffn_channels=shapes.of("enc_p.encoder_text.ffn_layers.0.conv_1.weight", 0),
        n_heads=max(1, channels // shapes.of(f"{first}.emb_rel_k", 2)),
        n_layers=shapes.count("enc_p.encoder_text.attn_layers.#."),
        kernel_size=shapes.of("enc_p.encoder_text.ffn_layers.0.conv_1.weight", 2),
        mrte_channels=shapes.of("enc_p.mrte.c_pre.weight", 0),
    )


def hifigan_config(shapes: Shapes, hyper: Hyper, at: str = "") -> HifiGanConfig:
    kernels, blocks = _upsampling(shapes, f"{at}ups.#.weight", f"{at}resblocks.#.convs1.0.weight")
    return HifiGanConfig(
        in_channels=shapes.of(f"{at}conv_pre.weight", 1),
        initial_channels=shapes.of(f"{at}conv_pre.weight", 0),
        upsample_rates=hyper.integers("upsample_rates", _RATES.get(kernels)),
        upsample_kernels=kernels,
        resblock_kernels=blocks,
        resblock_dilations=hyper.rows("resblock_dilation_sizes", ((1, 3, 5),) * len(blocks)),
        style_dim=shapes.of(f"{at}cond.weight", 1) if f"{at}cond.weight" in shapes else None,
        has_output_bias=f"{at}conv_post.bias" in shapes,
    )


def bigvgan_config(shapes: Shapes, hyper: Hyper) -> BigVganConfig:
    kernels, blocks = _upsampling(shapes, "ups.#.0.weight", "resblocks.#.convs1.0.weight")
    return BigVganConfig(
        in_channels=shapes.of("conv_pre.weight", 1),
        initial_channels=shapes.of("conv_pre.weight", 0),
        upsample_rates=hyper.integers("upsample_rates", _RATES.get(kernels)),
        upsample_kernels=kernels,
        resblock_kernels=blocks,
        resblock_dilations=hyper.rows("resblock_dilation_sizes", ((1, 3, 5),) * len(blocks)),
        has_output_bias="conv_post.bias" in shapes,
        has_output_tanh=bool(hyper.get("use_tanh_at_final")),
    )


def _upsampling(shapes: Shapes, ups: str, blocks: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Kernels of the upsampling steps and of the residual blocks that each step has."""
    n_steps, n_blocks = shapes.count(ups), shapes.count(blocks)
    if not n_steps or n_blocks % n_steps:
        raise MissingTensors(f"{n_blocks} residual blocks for {n_steps} upsampling steps: some are missing")
    kernels = tuple(shapes.of(ups.replace("#", str(i)), 2) for i in range(n_steps))
    return kernels, tuple(shapes.of(blocks.replace("#", str(i)), 2) for i in range(n_blocks // n_steps))


def vits_config(shapes: Shapes, hyper: Hyper) -> VitsConfig:
    prior = prior_config(shapes)
    return VitsConfig(
        prior=prior,
        vocoder=hifigan_config(shapes, hyper, "dec."),
        content_dim=shapes.of("ssl_proj.weight", 1),
        n_bins=shapes.of("quantizer.vq.layers.0._codebook.embed", 0),
        token_stride=shapes.of("ssl_proj.weight", 2),
        style_bins=shapes.of("ref_enc.spectral.0.fc.weight", 1),
        style_hidden=shapes.of("ref_enc.spectral.0.fc.weight", 0),
        style_dim=shapes.of("ref_enc.fc.fc.weight", 0),
        flow_channels=shapes.of("flow.flows.0.pre.weight", 0),
        n_flows=shapes.count("flow.flows.#.", step=2),
        n_flow_layers=shapes.count("flow.flows.0.enc.in_layers.#."),
        flow_kernel_size=shapes.of("flow.flows.0.enc.in_layers.0.weight", 2),
        speaker_dim=shapes.of("sv_emb.weight", 1) if "sv_emb.weight" in shapes else None,
    )


def cfm_config(shapes: Shapes, flow: FlowFacts, vocoder: HifiGanConfig | BigVganConfig) -> CfmConfig:
    at = "cfm.estimator"
    first = f"{at}.transformer_blocks.0"
    feature_dim = shapes.of("bridge.0.weight", 0)
    n_feature_blocks = shapes.count(f"{at}.text_embed.text_blocks.#.")
    head_dim = 2 * shapes.of(f"{at}.rotary_embed.inv_freq", 0)
    return CfmConfig(
        prior=prior_config(shapes),
        dit=DitConfig(
            n_mels=shapes.of(f"{at}.proj_out.weight", 0),
            feature_dim=feature_dim,
            dim=shapes.of(f"{at}.input_embed.proj.weight", 0),
            n_layers=shapes.count(f"{at}.transformer_blocks.#."),
            n_heads=max(1, shapes.of(f"{first}.attn.to_q.weight", 0) // head_dim),
            head_dim=head_dim,
            ffn_dim=shapes.of(f"{first}.ff.ff.0.0.weight", 0),
            n_feature_blocks=n_feature_blocks,
            feature_ffn_dim=(
                shapes.of(f"{at}.text_embed.text_blocks.0.pwconv1.weight", 0)
                if n_feature_blocks
                else feature_dim
            ),
        ),
        vocoder=vocoder,
        n_bins=shapes.of("quantizer.vq.layers.0._codebook.embed", 0),
        token_stride=shapes.of("ssl_proj.weight", 2),
        style_bins=shapes.of("ref_enc.spectral.0.fc.weight", 1),
        style_hidden=shapes.of("ref_enc.spectral.0.fc.weight", 0),
        style_dim=shapes.of("ref_enc.fc.fc.weight", 0),
        n_context_layers=shapes.count("wns1.enc.in_layers.#."),
        context_kernel_size=shapes.of("wns1.enc.in_layers.0.weight", 2),
        frames_per_latent=flow.frames_per_latent,
        sizes=ChunkSizes(flow.reference_frames, flow.chunk_frames, flow.overlap_frames),
    )


def speaker_config(shapes: Shapes) -> SpeakerConfig:
    channels = shapes.of("conv1.weight", 0)
    return SpeakerConfig(
        channels=channels,
        n_blocks=(
            shapes.count("layer1.#."),
            shapes.count("layer2.#."),
            shapes.count("layer3.#."),
            shapes.count("layer4.#."),
        ),
        widths=(
            shapes.of("layer1.0.convs.0.weight", 0),
            shapes.of("layer2.0.convs.0.weight", 0),
            shapes.of("layer3.0.convs.0.weight", 0),
            shapes.of("layer4.0.convs.0.weight", 0),
        ),
        scale=shapes.count("layer1.0.convs.#."),
        expansion=shapes.of("layer1.0.conv3.weight", 0) // channels,
        reduction=max(1, shapes.of("layer3_ds.weight", 0) // shapes.of("fuse34.local_att.0.weight", 0)),
    )
