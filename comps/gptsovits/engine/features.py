"""BERT features of a segment's phonemes: for Chinese alone, and only where the model has a BERT."""

from collections.abc import Sequence

import torch
from torch import Tensor

from comps.cores.errors import SynthesisFailed
from comps.gptsovits.engine.segments import Segment
from comps.gptsovits.model import Model
from comps.gptsovits.networks.encoders.bert import phoneme_features

BERT_LANGUAGES = frozenset({"zh"})


def bert_features(model: Model, segment: Segment) -> Tensor | None:
    """Features `[P, E]` of a segment's phonemes, zero where nothing Chinese is said; None: all zeros."""
    if model.bert is None or not any(span.language in BERT_LANGUAGES for span in segment.spans):
        return None
    width = model.t2s.config.bert_dim
    features = torch.zeros(len(segment.phonemes), width, device=model.device, dtype=model.dtype)
    start = segment.n_lead
    for span in segment.spans:
        stop = start + len(span.phones)
        if span.language in BERT_LANGUAGES and span.word2ph is not None and stop > start:
            features[start:stop] = _span_features(model, span.norm_text, span.word2ph)
        start = stop
    return features


def _span_features(model: Model, text: str, phonemes_per_character: Sequence[int]) -> Tensor:
    """Features `[p, E]` of one stretch of Chinese.

    Each character is one token, whatever the tokenizer would join: the counts go by characters.
    """
    assert model.bert is not None
    assert model.tokenizer is not None
    unknown, start, end = (_token_id(model, name) for name in ("[UNK]", "[CLS]", "[SEP]"))
    own = [model.tokenizer.token_to_id(character.lower()) for character in text]
    ids = [start, *(unknown if token is None else token for token in own), end]
    features = model.bert(torch.tensor([ids], device=model.device))[0]
    counts = torch.tensor(phonemes_per_character, device=model.device)
    return phoneme_features(features, counts)


def _token_id(model: Model, name: str) -> int:
    assert model.tokenizer is not None
    token = model.tokenizer.token_to_id(name)
    if token is None:
        raise SynthesisFailed(f"the BERT's tokenizer knows no {name}")
    return int(token)
