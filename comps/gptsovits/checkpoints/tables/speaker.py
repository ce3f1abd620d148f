"""ERes2NetV2, the speaker encoder of v2Pro and v2ProPlus."""

from comps.gptsovits.checkpoints.keys import Rule, Table

N_STAGES = 4


def _fusion(official: str, ours: str) -> tuple[Rule, ...]:
    parts = {0: "contract", 1: "norm_hidden", 3: "expand", 4: "norm_out"}
    return tuple((f"{official}.local_att.{i}.{{w}}", f"{ours}.{part}.{{w}}") for i, part in parts.items())


def _stage(n: int) -> tuple[Rule, ...]:
    at, to = f"layer{n + 1}.{{i}}", f"stages.{n}.{{i}}"
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
        *(rule for n in range(N_STAGES) for rule in _stage(n)),
        ("layer3_ds.{w}", "downsample.{w}"),
        *_fusion("fuse34", "fusion"),
    ),
    # The classifier's projection: decoders take the vector before it.
    unused=("seg_1.*", "seg_2.*", "seg_bn_1.*"),
)
