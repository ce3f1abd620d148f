"""HiFi-GAN, inside the VITS decoders and alone as the vocoder of v4."""

from comps.gptsovits.checkpoints.keys import Rule, Table


def hifigan(official: str = "", ours: str = "") -> tuple[Rule, ...]:
    """Rules with the given prefixes. Translating needs the size `n_blocks`, residual blocks a stage."""
    block = f"{ours}stages.{{i//n_blocks}}.blocks.{{i%n_blocks}}"
    return (
        (f"{official}conv_pre.{{w}}", f"{ours}conv_in.{{w}}"),
        (f"{official}cond.{{w}}", f"{ours}condition.{{w}}"),
        (f"{official}ups.{{i}}.{{w}}", f"{ours}stages.{{i}}.up.{{w}}"),
        (f"{official}resblocks.{{i}}.convs1.{{j}}.{{w}}", f"{block}.dilated.{{j}}.{{w}}"),
        (f"{official}resblocks.{{i}}.convs2.{{j}}.{{w}}", f"{block}.plain.{{j}}.{{w}}"),
        (f"{official}conv_post.{{w}}", f"{ours}conv_out.{{w}}"),
    )


HIFIGAN = Table(rules=hifigan())

_BLOCK = "stages.{i//n_blocks}.blocks.{i%n_blocks}"

BIGVGAN = Table(
    rules=(
        ("conv_pre.{w}", "conv_in.{w}"),
        ("ups.{i}.0.{w}", "stages.{i}.up.{w}"),
        ("resblocks.{i}.convs1.{j}.{w}", f"{_BLOCK}.dilated.{{j}}.{{w}}"),
        ("resblocks.{i}.convs2.{j}.{w}", f"{_BLOCK}.plain.{{j}}.{{w}}"),
        ("resblocks.{i}.activations.{j}.act.{w}", f"{_BLOCK}.snakes.{{j}}.log_{{w}}"),
        ("resblocks.{i}.activations.{j}.upsample.filter", f"{_BLOCK}.snakes.{{j}}.up_filter"),
        ("resblocks.{i}.activations.{j}.downsample.lowpass.filter", f"{_BLOCK}.snakes.{{j}}.down_filter"),
        ("activation_post.act.{w}", "snake.log_{w}"),
        ("activation_post.upsample.filter", "snake.up_filter"),
        ("activation_post.downsample.lowpass.filter", "snake.down_filter"),
        ("conv_post.{w}", "conv_out.{w}"),
    )
)
