"""The decoder of v1, v2, v2Pro and v2ProPlus."""

from comps.gptsovits.checkpoints.keys import Table
from comps.gptsovits.checkpoints.tables.semantic import SEMANTIC, UNUSED, wavenet
from comps.gptsovits.checkpoints.tables.vocoders import hifigan

VITS = Table(
    rules=(
        *SEMANTIC,
        # Every second flow reverses the channels and has no tensors.
        ("flow.flows.{i}.pre.{w}", "flow.flows.{i//2}.pre.{w}"),
        ("flow.flows.{i}.post.{w}", "flow.flows.{i//2}.post.{w}"),
        *wavenet("flow.flows.{i}.enc", "flow.flows.{i//2}.net"),
        *hifigan("dec.", "vocoder."),
    ),
    unused=UNUSED,
)
