"""The encoders that come as files of their own: content (HuBERT), text (BERT), speaker (ERes2NetV2)."""

from comps.gptsovits.checkpoints.keys import Rule, Table

# `transformers` names these itself. What sits on top of some published files is not needed.
CONTENT = Table(
    rules=(("{rest}", "model.{rest}"),),
    unused=("lm_head.*", "projector.*", "classifier.*", "final_proj.*", "label_embs_concat"),
)

BERT = Table(
    rules=(
        # Early files of BERT say gamma and beta.
        ("{rest}.LayerNorm.gamma", "model.{rest}.LayerNorm.weight"),
        ("{rest}.LayerNorm.beta", "model.{rest}.LayerNorm.bias"),
        ("embeddings.{rest}", "model.embeddings.{rest}"),
        ("encoder.{rest}", "model.encoder.{rest}"),
    ),
    unused=("pooler.*", "cls.*", "embeddings.position_ids"),
)


def _fusion(official: str, ours: str) -> tuple[Rule, ...]:
    parts = {0: "contract", 1: "norm_hidden", 3: "expand", 4: "norm_out"}
    return tuple((f"{official}.local_att.{k}.{{w}}", f"{ours}.{name}.{{w}}") for k, name in parts.items())


def _stage(number: int) -> tuple[Rule, ...]:
    at, to = f"layer{number}.{{i}}", f"stages.{number - 1}.{{i}}"
    return (
        (f"{at}.conv1.{{w}}", f"{to}.conv_in.{{w}}"),
        (f"{at}.bn1.{{w}}", f"{to}.norm_in.{{w}}"),
        (f"{at}.convs.{{j}}.{{w}}", f"{to}.convs.{{j}}.{{w}}"),
        (f"{at}.bns.{{j}}.{{w}}", f"{to}.norms.{{j}}.{{w}}"),
        *_fusion(f"{at}.fuse_models.{{j}}", f"{to}.fusions.{{j}}"),
        (f"{at}.conv3.{{w}}", f"{to}.conv_out.{{w}}"),
        (f"{at}.bn3.{{w}}", f"{to}.norm_out.{{w}}"),
        (f"{at}.shortcut.{{j}}.{{w}}", f"{to}.shortcut.{{j}}.{{w}}"),
    )


SPEAKER = Table(
    rules=(
        ("conv1.{w}", "conv_in.{w}"),
        ("bn1.{w}", "norm_in.{w}"),
        *(rule for number in (1, 2, 3, 4) for rule in _stage(number)),
        ("layer3_ds.{w}", "downsample.{w}"),
        *_fusion("fuse34", "fusion"),
    ),
    # The projection it was trained to tell speakers apart with.
    unused=("seg_1.*",),
)
