"""The decoder of v3 and v4, whose vocoder is a file of its own."""

from comps.gptsovits.checkpoints.keys import Table
from comps.gptsovits.checkpoints.tables.semantic import SEMANTIC, UNUSED, wavenet

_FROM = "cfm.estimator"
_BLOCK = f"{_FROM}.transformer_blocks.{{i}}"
_TEXT = f"{_FROM}.text_embed.text_blocks.{{i}}"

CFM = Table(
    rules=(
        *SEMANTIC,
        ("bridge.0.{w}", "bridge.{w}"),
        ("wns1.pre.{w}", "context.pre.{w}"),
        *wavenet("wns1.enc", "context.net"),
        ("wns1.proj.{w}", "context.out.{w}"),
        (f"{_FROM}.time_embed.time_mlp.0.{{w}}", "dit.time.expand.{w}"),
        (f"{_FROM}.time_embed.time_mlp.2.{{w}}", "dit.time.contract.{w}"),
        (f"{_FROM}.d_embed.time_mlp.0.{{w}}", "dit.step_size.expand.{w}"),
        (f"{_FROM}.d_embed.time_mlp.2.{{w}}", "dit.step_size.contract.{w}"),
        (f"{_TEXT}.dwconv.{{w}}", "dit.features.blocks.{i}.mix.{w}"),
        (f"{_TEXT}.norm.{{w}}", "dit.features.blocks.{i}.norm.{w}"),
        (f"{_TEXT}.pwconv1.{{w}}", "dit.features.blocks.{i}.expand.{w}"),
        (f"{_TEXT}.grn.gamma", "dit.features.blocks.{i}.response.gain"),
        (f"{_TEXT}.grn.beta", "dit.features.blocks.{i}.response.bias"),
        (f"{_TEXT}.pwconv2.{{w}}", "dit.features.blocks.{i}.contract.{w}"),
        (f"{_FROM}.input_embed.proj.{{w}}", "dit.project.{w}"),
        # An activation lies between the two convolutions.
        (f"{_FROM}.input_embed.conv_pos_embed.conv1d.{{i}}.{{w}}", "dit.neighbourhood.convs.{i//2}.{w}"),
        (f"{_FROM}.rotary_embed.inv_freq", "dit.rotations"),
        (f"{_BLOCK}.attn_norm.linear.{{w}}", "dit.blocks.{i}.modulation.{w}"),
        (f"{_BLOCK}.attn.to_q.{{w}}", "dit.blocks.{i}.query.{w}"),
        (f"{_BLOCK}.attn.to_k.{{w}}", "dit.blocks.{i}.key.{w}"),
        (f"{_BLOCK}.attn.to_v.{{w}}", "dit.blocks.{i}.value.{w}"),
        (f"{_BLOCK}.attn.to_out.0.{{w}}", "dit.blocks.{i}.out.{w}"),
        (f"{_BLOCK}.ff.ff.0.0.{{w}}", "dit.blocks.{i}.expand.{w}"),
        (f"{_BLOCK}.ff.ff.2.{{w}}", "dit.blocks.{i}.contract.{w}"),
        (f"{_FROM}.norm_out.linear.{{w}}", "dit.modulation.{w}"),
        (f"{_FROM}.proj_out.{{w}}", "dit.out.{w}"),
    ),
    # `linear_mel` is trained with the rest and plays no part in inference.
    unused=(*UNUSED, "linear_mel.*", "dec.*", "flow.*"),
)
