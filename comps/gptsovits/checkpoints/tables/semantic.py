"""What the decoders of all versions share: quantizer, style encoder, semantic prior."""

from comps.gptsovits.checkpoints.keys import Rule


def _encoder(official: str, ours: str) -> tuple[Rule, ...]:
    at, to = f"{official}.attn_layers.{{i}}", f"{ours}.blocks.{{i}}"
    return (
        (f"{at}.emb_rel_k", f"{to}.attention.relative.keys"),
        (f"{at}.emb_rel_v", f"{to}.attention.relative.values"),
        *_attention(at, f"{to}.attention"),
        (f"{official}.norm_layers_{{j}}.{{i}}.gamma", f"{to}.norm{{j}}.weight"),
        (f"{official}.norm_layers_{{j}}.{{i}}.beta", f"{to}.norm{{j}}.bias"),
        (f"{official}.ffn_layers.{{i}}.conv_1.{{w}}", f"{to}.feed_forward.expand.{{w}}"),
        (f"{official}.ffn_layers.{{i}}.conv_2.{{w}}", f"{to}.feed_forward.contract.{{w}}"),
    )


def _attention(official: str, ours: str) -> tuple[Rule, ...]:
    parts = {"q": "query", "k": "key", "v": "value", "o": "out"}
    return tuple((f"{official}.conv_{a}.{{w}}", f"{ours}.{b}.{{w}}") for a, b in parts.items())


SEMANTIC: tuple[Rule, ...] = (
    ("ssl_proj.{w}", "quantizer.project.{w}"),
    ("quantizer.vq.layers.0._codebook.embed", "quantizer.codebook"),
    ("ref_enc.spectral.0.fc.{w}", "style_encoder.spectral.0.{w}"),
    ("ref_enc.spectral.3.fc.{w}", "style_encoder.spectral.1.{w}"),
    ("ref_enc.temporal.{i}.conv1.conv.{w}", "style_encoder.temporal.{i}.conv.{w}"),
    ("ref_enc.slf_attn.w_qs.{w}", "style_encoder.attention.query.{w}"),
    ("ref_enc.slf_attn.w_ks.{w}", "style_encoder.attention.key.{w}"),
    ("ref_enc.slf_attn.w_vs.{w}", "style_encoder.attention.value.{w}"),
    ("ref_enc.slf_attn.fc.{w}", "style_encoder.attention.out.{w}"),
    ("ref_enc.fc.fc.{w}", "style_encoder.out.{w}"),
    ("sv_emb.{w}", "speaker.project.{w}"),
    ("prelu.weight", "speaker.activation.weight"),
    ("ge_to512.{w}", "speaker.to_prior.{w}"),
    ("enc_p.ssl_proj.{w}", "prior.content_in.{w}"),
    *_encoder("enc_p.encoder_ssl", "prior.content_encoder"),
    ("enc_p.text_embedding.weight", "prior.text_embedding.weight"),
    *_encoder("enc_p.encoder_text", "prior.text_encoder"),
    ("enc_p.mrte.c_pre.{w}", "prior.mrte.content_in.{w}"),
    ("enc_p.mrte.text_pre.{w}", "prior.mrte.text_in.{w}"),
    *_attention("enc_p.mrte.cross_attention", "prior.mrte.attention"),
    ("enc_p.mrte.c_post.{w}", "prior.mrte.out.{w}"),
    *_encoder("enc_p.encoder2", "prior.joint_encoder"),
    ("enc_p.proj.{w}", "prior.out.{w}"),
)

# k-means statistics of the codebook's training, and the posterior encoder, which only training needs.
UNUSED = (
    "quantizer.vq.layers.0._codebook.inited",
    "quantizer.vq.layers.0._codebook.cluster_size",
    "quantizer.vq.layers.0._codebook.embed_avg",
    "enc_q.*",
)


def wavenet(official: str, ours: str) -> tuple[Rule, ...]:
    return (
        (f"{official}.cond_layer.{{w}}", f"{ours}.condition.{{w}}"),
        (f"{official}.in_layers.{{j}}.{{w}}", f"{ours}.gates.{{j}}.{{w}}"),
        (f"{official}.res_skip_layers.{{j}}.{{w}}", f"{ours}.mixes.{{j}}.{{w}}"),
    )
