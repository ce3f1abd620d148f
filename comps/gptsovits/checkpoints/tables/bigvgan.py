"""BigVGAN, the vocoder of v3."""

from comps.gptsovits.checkpoints.keys import Rule, Table


def _snake(official: str, ours: str) -> tuple[Rule, ...]:
    return (
        (f"{official}.act.alpha", f"{ours}.log_alpha"),
        (f"{official}.act.beta", f"{ours}.log_beta"),
        (f"{official}.upsample.filter", f"{ours}.up_filter"),
        (f"{official}.downsample.lowpass.filter", f"{ours}.down_filter"),
    )


# Translating needs the size `n_blocks`, residual blocks a stage: the file counts them all in one row.
_BLOCK = "stages.{i//n_blocks}.blocks.{i%n_blocks}"

BIGVGAN = Table(
    rules=(
        ("conv_pre.{w}", "conv_in.{w}"),
        ("ups.{i}.0.{w}", "stages.{i}.up.{w}"),
        ("resblocks.{i}.convs1.{j}.{w}", f"{_BLOCK}.dilated.{{j}}.{{w}}"),
        ("resblocks.{i}.convs2.{j}.{w}", f"{_BLOCK}.plain.{{j}}.{{w}}"),
        *_snake("resblocks.{i}.activations.{j}", f"{_BLOCK}.snakes.{{j}}"),
        *_snake("activation_post", "snake"),
        ("conv_post.{w}", "conv_out.{w}"),
    ),
)
