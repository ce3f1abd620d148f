"""The tensors of every official file as tables of names and shapes, at any size.

Facts copied from the reference project's files. At their official sizes these tables equal the lists in
tests/checkpoints/manifests (checked by tests/checkpoints/test_full_size.py); small sizes make tiny models of
exactly the official form.
"""

from dataclasses import dataclass, replace

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class T2SSizes:
    n_symbols: int = 732
    vocab: int = 1025
    dim: int = 512
    ffn: int = 2048
    n_layers: int = 24
    n_heads: int = 16
    bert_dim: int = 1024


@dataclass(frozen=True)
class DecoderSizes:
    """Of the part that all versions share; `cfm` replaces flow and vocoder in v3 and v4."""

    n_symbols: int = 732
    feature_dim: int = 768
    n_bins: int = 1024
    channels: int = 192
    ffn: int = 768
    n_layers: int = 6
    n_heads: int = 2
    mrte: int = 512
    style_bins: int = 704
    style_hidden: int = 128
    style_dim: int = 512
    speaker_dim: int | None = None
    initial: int = 512
    rates: tuple[int, ...] = (10, 8, 2, 2, 2)
    kernels: tuple[int, ...] = (16, 16, 8, 2, 2)
    blocks: tuple[int, ...] = (3, 7, 11)
    flow_layers: int = 4
    n_flows: int = 4
    posterior_layers: int = 16
    spectrogram_bins: int = 1025
    cfm: "CfmSizes | None" = None


@dataclass(frozen=True)
class CfmSizes:
    context: int = 512
    context_layers: int = 8
    dim: int = 1024
    depth: int = 22
    head_dim: int = 64
    ff_mult: int = 2
    text_dim: int = 512
    text_layers: int = 4
    n_mels: int = 100


OFFICIAL_T2S = {"v1": T2SSizes(n_symbols=512), "v2": T2SSizes()}
_PRO = DecoderSizes(style_dim=1024, speaker_dim=20480)
OFFICIAL_DECODERS = {
    "v1": DecoderSizes(n_symbols=322, style_bins=1025),
    "v2": DecoderSizes(),
    "v2Pro": _PRO,
    "v2ProPlus": replace(_PRO, initial=768, kernels=(20, 16, 8, 2, 2)),
    "v3": DecoderSizes(cfm=CfmSizes()),
    "v4": DecoderSizes(cfm=CfmSizes()),
}


def t2s_shapes(s: T2SSizes) -> Shapes:
    shapes: Shapes = {
        "model.bert_proj.weight": (s.dim, s.bert_dim),
        "model.bert_proj.bias": (s.dim,),
        "model.ar_text_embedding.word_embeddings.weight": (s.n_symbols, s.dim),
        "model.ar_text_position.alpha": (1,),
        "model.ar_audio_embedding.word_embeddings.weight": (s.vocab, s.dim),
        "model.ar_audio_position.alpha": (1,),
    }
    for i in range(s.n_layers):
        at = f"model.h.layers.{i}"
        shapes |= {
            f"{at}.self_attn.in_proj_weight": (3 * s.dim, s.dim),
            f"{at}.self_attn.in_proj_bias": (3 * s.dim,),
            **_linear(f"{at}.self_attn.out_proj", s.dim, s.dim),
            **_linear(f"{at}.linear1", s.ffn, s.dim),
            **_linear(f"{at}.linear2", s.dim, s.ffn),
            **_linear(f"{at}.norm1", s.dim),
            **_linear(f"{at}.norm2", s.dim),
        }
    return shapes | {"model.ar_predict_layer.weight": (s.vocab, s.dim)}


def decoder_shapes(s: DecoderSizes, *, posterior: bool = True) -> Shapes:
    """As in `ckpt["weight"]`; `posterior` adds the training-only `enc_q.*` that v1 and v2 releases keep."""
    shapes = _prior(s)
    if s.cfm is None:
        shapes |= hifigan_shapes("dec.", s.channels, s.initial, s.kernels, s.blocks, s.style_dim)
        if posterior:
            shapes |= _linear("enc_q.pre", s.channels, s.spectrogram_bins, 1)
            shapes |= _wavenet("enc_q.enc", s.channels, s.posterior_layers, s.style_dim)
            shapes |= _linear("enc_q.proj", 2 * s.channels, s.channels, 1)
        for i in range(0, 2 * s.n_flows, 2):
            at = f"flow.flows.{i}"
            shapes |= _linear(f"{at}.pre", s.channels, s.channels // 2, 1)
            shapes |= _wavenet(f"{at}.enc", s.channels, s.flow_layers, s.style_dim)
            shapes |= _linear(f"{at}.post", s.channels // 2, s.channels, 1)
    shapes |= _style(s)
    shapes |= _linear("ssl_proj", s.feature_dim, s.feature_dim, 2)
    at = "quantizer.vq.layers.0._codebook"
    shapes |= {f"{at}.inited": (1,), f"{at}.cluster_size": (s.n_bins,)}
    shapes |= {f"{at}.embed": (s.n_bins, s.feature_dim), f"{at}.embed_avg": (s.n_bins, s.feature_dim)}
    if s.speaker_dim is not None:
        shapes |= _linear("sv_emb", s.style_dim, s.speaker_dim)
        shapes |= _linear("ge_to512", s.mrte, s.style_dim) | {"prelu.weight": (s.style_dim,)}
    return shapes | (_cfm(s, s.cfm) if s.cfm is not None else {})


def hifigan_shapes(
    at: str,
    channels_in: int,
    initial: int,
    kernels: tuple[int, ...],
    blocks: tuple[int, ...],
    style_dim: int | None = None,
    *,
    weight_norm: bool = True,
) -> Shapes:
    """Of a decoder's `dec.` (weight norm, no last bias) or v4's vocoder (neither style nor weight norm)."""
    conv = _normed if weight_norm else _linear
    shapes = _linear(f"{at}conv_pre", initial, channels_in, 7)
    for i, kernel in enumerate(kernels):
        width = initial >> i
        shapes |= conv(f"{at}ups.{i}", width, width // 2, kernel, bias=width // 2)
        for j, size in enumerate(blocks):
            for k in range(3):
                block = f"{at}resblocks.{i * len(blocks) + j}"
                shapes |= conv(f"{block}.convs1.{k}", width // 2, width // 2, size)
                shapes |= conv(f"{block}.convs2.{k}", width // 2, width // 2, size)
    shapes |= {f"{at}conv_post.weight": (1, initial >> len(kernels), 7)}
    if style_dim is None:
        return shapes | {f"{at}conv_post.bias": (1,)}
    return shapes | _linear(f"{at}cond", initial, style_dim, 1)


def bigvgan_shapes(
    initial: int = 1536,
    kernels: tuple[int, ...] = (8, 8, 4, 4, 4, 4),
    blocks: tuple[int, ...] = (3, 7, 11),
    n_mels: int = 100,
    *,
    weight_norm: bool = True,
) -> Shapes:
    conv = _normed if weight_norm else _linear
    shapes = conv("conv_pre", initial, n_mels, 7)
    for i, kernel in enumerate(kernels):
        width = initial >> i
        shapes |= conv(f"ups.{i}.0", width, width // 2, kernel, bias=width // 2)
        for j, size in enumerate(blocks):
            at = f"resblocks.{i * len(blocks) + j}"
            for k in range(3):
                shapes |= conv(f"{at}.convs1.{k}", width // 2, width // 2, size)
                shapes |= conv(f"{at}.convs2.{k}", width // 2, width // 2, size)
            for k in range(6):
                shapes |= _snake(f"{at}.activations.{k}", width // 2)
    last = initial >> len(kernels)
    shapes |= _snake("activation_post", last)
    return shapes | {k: v for k, v in conv("conv_post", 1, last, 7).items() if not k.endswith("bias")}


def eres2net_shapes(
    width: int = 64, base: int = 24, n_blocks: tuple[int, ...] = (3, 4, 6, 3), embedding: int = 192
) -> Shapes:
    """The speaker encoder: Res2Net stages, the last two with attentional fusion; scale and expansion 4."""
    shapes = {"conv1.weight": (width, 1, 3, 3)} | _norm("bn1", width)
    channels = width
    for stage, n in enumerate(n_blocks, 1):
        planes = width << (stage - 1)
        inner = planes * base // 64
        out = planes * 4
        for i in range(n):
            at = f"layer{stage}.{i}"
            shapes |= {f"{at}.conv1.weight": (inner * 4, channels, 1, 1)} | _norm(f"{at}.bn1", inner * 4)
            for k in range(4):
                shapes |= {f"{at}.convs.{k}.weight": (inner, inner, 3, 3)} | _norm(f"{at}.bns.{k}", inner)
            if stage > 2:
                for k in range(3):
                    shapes |= _fusion(f"{at}.fuse_models.{k}", inner)
            shapes |= {f"{at}.conv3.weight": (out, inner * 4, 1, 1)} | _norm(f"{at}.bn3", out)
            if i == 0:
                shapes |= {f"{at}.shortcut.0.weight": (out, channels, 1, 1)} | _norm(f"{at}.shortcut.1", out)
            channels = out
    shapes |= {"layer3_ds.weight": (channels, channels // 2, 3, 3)} | _fusion("fuse34", channels)
    return shapes | _linear("seg_1", embedding, 2 * channels * 10)


def _linear(at: str, out: int, *rest: int, bias: int | None = None) -> Shapes:
    return {f"{at}.weight": (out, *rest), f"{at}.bias": (bias or out,)}


def _normed(at: str, out: int, *rest: int, bias: int | None = None) -> Shapes:
    ones = (1,) * len(rest)
    return {f"{at}.bias": (bias or out,), f"{at}.weight_g": (out, *ones), f"{at}.weight_v": (out, *rest)}


def _norm(at: str, size: int) -> Shapes:
    names = ("weight", "bias", "running_mean", "running_var")
    return {f"{at}.{name}": (size,) for name in names} | {f"{at}.num_batches_tracked": ()}


def _snake(at: str, size: int) -> Shapes:
    return {
        f"{at}.act.alpha": (size,),
        f"{at}.act.beta": (size,),
        f"{at}.upsample.filter": (1, 1, 12),
        f"{at}.downsample.lowpass.filter": (1, 1, 12),
    }


def _fusion(at: str, size: int) -> Shapes:
    return (
        _linear(f"{at}.local_att.0", size // 4, 2 * size, 1, 1)
        | _norm(f"{at}.local_att.1", size // 4)
        | _linear(f"{at}.local_att.3", size, size // 4, 1, 1)
        | _norm(f"{at}.local_att.4", size)
    )


def _wavenet(at: str, channels: int, n_layers: int, style_dim: int) -> Shapes:
    shapes = _normed(f"{at}.cond_layer", 2 * channels * n_layers, style_dim, 1)
    for i in range(n_layers):
        shapes |= _normed(f"{at}.in_layers.{i}", 2 * channels, channels, 5)
        out = channels if i == n_layers - 1 else 2 * channels
        shapes |= _normed(f"{at}.res_skip_layers.{i}", out, channels, 1)
    return shapes


def _encoder(at: str, s: DecoderSizes, n_layers: int) -> Shapes:
    shapes: Shapes = {}
    for i in range(n_layers):
        for name in ("k", "v"):
            shapes[f"{at}.attn_layers.{i}.emb_rel_{name}"] = (1, 9, s.channels // s.n_heads)
        for name in ("q", "k", "v", "o"):
            shapes |= _linear(f"{at}.attn_layers.{i}.conv_{name}", s.channels, s.channels, 1)
        for k in (1, 2):
            shapes |= {f"{at}.norm_layers_{k}.{i}.{name}": (s.channels,) for name in ("gamma", "beta")}
        shapes |= _linear(f"{at}.ffn_layers.{i}.conv_1", s.ffn, s.channels, 3)
        shapes |= _linear(f"{at}.ffn_layers.{i}.conv_2", s.channels, s.ffn, 3)
    return shapes


def _prior(s: DecoderSizes) -> Shapes:
    shapes = _linear("enc_p.ssl_proj", s.channels, s.feature_dim, 1)
    shapes |= _encoder("enc_p.encoder_ssl", s, s.n_layers // 2)
    shapes |= _encoder("enc_p.encoder_text", s, s.n_layers)
    shapes |= {"enc_p.text_embedding.weight": (s.n_symbols, s.channels)}
    for name in ("q", "k", "v", "o"):
        shapes |= _linear(f"enc_p.mrte.cross_attention.conv_{name}", s.mrte, s.mrte, 1)
    shapes |= _linear("enc_p.mrte.c_pre", s.mrte, s.channels, 1)
    shapes |= _linear("enc_p.mrte.text_pre", s.mrte, s.channels, 1)
    shapes |= _linear("enc_p.mrte.c_post", s.channels, s.mrte, 1)
    shapes |= _encoder("enc_p.encoder2", s, s.n_layers // 2)
    return shapes | _linear("enc_p.proj", 2 * s.channels, s.channels, 1)


def _style(s: DecoderSizes) -> Shapes:
    hidden = s.style_hidden
    shapes = _linear("ref_enc.spectral.0.fc", hidden, s.style_bins)
    shapes |= _linear("ref_enc.spectral.3.fc", hidden, hidden)
    for i in (0, 1):
        shapes |= _linear(f"ref_enc.temporal.{i}.conv1.conv", 2 * hidden, hidden, 5)
    for name in ("w_qs", "w_ks", "w_vs", "fc"):
        shapes |= _linear(f"ref_enc.slf_attn.{name}", hidden, hidden)
    return shapes | _linear("ref_enc.fc.fc", s.style_dim, hidden)


def _cfm(s: DecoderSizes, c: CfmSizes) -> Shapes:
    shapes = _linear("bridge.0", c.context, s.channels, 1)
    shapes |= _linear("wns1.pre", c.context, c.context, 1)
    shapes |= _wavenet("wns1.enc", c.context, c.context_layers, s.style_dim)
    shapes |= _linear("wns1.proj", c.context, c.context, 1)
    shapes |= _linear("linear_mel", c.n_mels, c.context, 1)
    at = "cfm.estimator"
    for name in ("time_embed", "d_embed"):
        shapes |= _linear(f"{at}.{name}.time_mlp.0", c.dim, 256)
        shapes |= _linear(f"{at}.{name}.time_mlp.2", c.dim, c.dim)
    for i in range(c.text_layers):
        block = f"{at}.text_embed.text_blocks.{i}"
        shapes |= _linear(f"{block}.dwconv", c.text_dim, 1, 7) | _linear(f"{block}.norm", c.text_dim)
        shapes |= _linear(f"{block}.pwconv1", 2 * c.text_dim, c.text_dim)
        shapes |= {f"{block}.grn.{name}": (1, 1, 2 * c.text_dim) for name in ("gamma", "beta")}
        shapes |= _linear(f"{block}.pwconv2", c.text_dim, 2 * c.text_dim)
    shapes |= _linear(f"{at}.input_embed.proj", c.dim, 2 * c.n_mels + c.text_dim)
    for i in (0, 2):
        shapes |= _linear(f"{at}.input_embed.conv_pos_embed.conv1d.{i}", c.dim, c.dim // 16, 31)
    shapes |= {f"{at}.rotary_embed.inv_freq": (c.head_dim // 2,)}
    for i in range(c.depth):
        block = f"{at}.transformer_blocks.{i}"
        shapes |= _linear(f"{block}.attn_norm.linear", 6 * c.dim, c.dim)
        inner = c.dim // c.head_dim * c.head_dim
        for name in ("to_q", "to_k", "to_v"):
            shapes |= _linear(f"{block}.attn.{name}", inner, c.dim)
        shapes |= _linear(f"{block}.attn.to_out.0", c.dim, inner)
        shapes |= _linear(f"{block}.ff.ff.0.0", c.ff_mult * c.dim, c.dim)
        shapes |= _linear(f"{block}.ff.ff.2", c.dim, c.ff_mult * c.dim)
    shapes |= _linear(f"{at}.norm_out.linear", 2 * c.dim, c.dim)
    return shapes | _linear(f"{at}.proj_out", c.n_mels, c.dim)
