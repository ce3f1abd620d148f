"""The yardstick: T2S decoding as one would write it at first.

Eager float32, one request at a time, keys and values concatenated at every step, plain linear layers. What
the engine gains is said as a ratio over this, measured in the same run. It shares the weights with the
network and nothing else, so it is also a second opinion on what the engine computes
(tests/engine/test_plain_loop.py).
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from comps.gptsovits.engine.noise import Noise
from comps.gptsovits.engine.sampling import History, Sampler
from comps.gptsovits.networks.t2s import T2S
from comps.gptsovits.networks.t2s.block import Block
from comps.gptsovits.networks.t2s.model import attention_mask

Past = list[tuple[Tensor, Tensor]]  # keys and values [1, H, T, D] of every layer


@torch.inference_mode()
def read(t2s: T2S, phonemes: Tensor, prompt: Tensor) -> tuple[Tensor, Past]:
    """Logits `[V]` of the first token for phonemes `[P]` after a prompt `[S]`, and the past so far."""
    x = torch.cat([t2s.embed_phonemes(phonemes[None], None), t2s.embed_tokens(prompt[None])], 1)
    return _forward(t2s, x, [], attention_mask(len(phonemes), len(prompt), x.device))


@torch.inference_mode()
def speak_tokens(
    t2s: T2S,
    phonemes: Tensor,
    prompt: Tensor,
    sampler: Sampler,
    noise: Noise,
    *,
    max_tokens: int,
    begun: tuple[Tensor, Past] | None = None,
) -> list[int]:
    """At most `max_tokens` tokens for phonemes `[P]` after a prompt `[S]`, which may have been `read`."""
    history = History.of_prompt(prompt, t2s.config.vocab_size)
    logits, past = begun or read(t2s, phonemes, prompt)
    tokens: list[int] = []
    while True:
        draw = sampler.draw(logits, history, noise)
        if draw.is_end:
            return tokens
        tokens.append(draw.token)
        history.append(draw.token)
        if len(tokens) == max_tokens:
            return tokens
        position = torch.tensor([len(prompt) + len(tokens) - 1])
        x = (t2s.token_embedding(torch.tensor([draw.token])) + t2s.token_positions.at(position))[None]
        logits, past = _forward(t2s, x, past, None)


def _forward(t2s: T2S, x: Tensor, past: Past, mask: Tensor | None) -> tuple[Tensor, Past]:
    """Logits `[V]` of the last position, and the longer past."""
    longer: Past = []
    for layer, block in enumerate(t2s.blocks):
        assert isinstance(block, Block)
        x, keys, values = _block(block, x, past[layer] if past else None, mask)
        longer.append((keys, values))
    return F.linear(x[0, -1], t2s.head.weight), longer


def _block(
    block: Block, x: Tensor, past: tuple[Tensor, Tensor] | None, mask: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    query, keys, values = (
        part.unflatten(-1, (block.n_heads, -1)).transpose(1, 2)  # [1, H, T, D]
        for part in F.linear(x, block.qkv.weight, block.qkv.bias).chunk(3, dim=-1)
    )
    if past is not None:
        keys, values = torch.cat([past[0], keys], 2), torch.cat([past[1], values], 2)
    scores = query @ keys.transpose(-2, -1) / query.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    mixed = (scores.softmax(-1) @ values).transpose(1, 2).flatten(2)
    x = block.norm1(x + F.linear(mixed, block.out.weight, block.out.bias))
    hidden = torch.relu(F.linear(x, block.expand.weight, block.expand.bias))
    return block.norm2(x + F.linear(hidden, block.contract.weight, block.contract.bias)), keys, values
