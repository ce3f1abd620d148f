"""Chinese with a BERT, from official files to tokens: a small one, of the official layout."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from comps.gptsovits.engine import Engine, SpeechOptions, SpeechRequest
from comps.gptsovits.engine.features import bert_features
from comps.gptsovits.engine.segments import Segment, script_of
from comps.gptsovits.model import Model
from comps.gptsovits.text.registry import is_installed
from tests.engine.small import clip
from tests.tiny import TinyPair, write_pair

pytestmark = pytest.mark.skipif(not is_installed("zh"), reason="Chinese is not installed")
MIXED = "你好，hello world，这个世界很大。"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> TinyPair:
    return write_pair(tmp_path_factory.mktemp("pair"), "v2")


@pytest.fixture(scope="module")
def model(pair: TinyPair) -> Model:
    return pair.load()


def segment_of(text: str, model: Model) -> Segment:
    script = script_of(text, supported=model.languages, max_characters=1000)
    assert len(script.segments) == 1
    return script.segments[0]


def third_from_the_end(pair: TinyPair, text: str) -> torch.Tensor:
    """What transformers alone, its own tokenizer included, makes of each character: `[characters, E]`."""
    folder = pair.root / "chinese-roberta-wwm-ext-large"
    network = BertForMaskedLM(BertConfig.from_json_file(folder / "config.json")).eval()
    stored = torch.load(folder / "pytorch_model.bin", weights_only=True)
    network.load_state_dict({name: tensor.float() for name, tensor in stored.items()})
    tokens = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    )(text, return_tensors="pt")
    with torch.inference_mode():
        states = network(input_ids=tokens["input_ids"], output_hidden_states=True).hidden_states
    return states[-3][0, 1:-1]


def test_every_phoneme_has_its_character_s_feature_and_other_languages_have_none(
    pair: TinyPair, model: Model
) -> None:
    segment = segment_of(MIXED, model)
    assert [span.language for span in segment.spans] == ["zh", "en", "zh"]
    with torch.inference_mode():
        features = bert_features(model, segment)
    assert features is not None
    assert features.shape == (len(segment.phonemes), model.t2s.config.bert_dim)
    start = segment.n_lead
    for span in segment.spans:
        rows = features[start : start + len(span.phones)]
        start += len(span.phones)
        if span.language == "en":
            assert not rows.any()
            continue
        assert span.word2ph is not None
        assert sum(span.word2ph) == len(span.phones)
        assert len(span.word2ph) == len(span.norm_text)
        characters = third_from_the_end(pair, span.norm_text)
        expected = [characters[i] for i, count in enumerate(span.word2ph) for _ in range(count)]
        assert torch.allclose(rows, torch.stack(expected), atol=1e-3)
    assert not features[start:].any()


def test_what_the_bert_says_changes_what_is_spoken_and_nothing_else_does(model: Model) -> None:
    deaf = replace(model, bert=None)

    async def speak(model: Model, text: str, language: str) -> np.ndarray:
        with Engine(model) as engine:
            profile = await engine.profile(clip(), text="我们在这里说话。", language="zh")
            options = SpeechOptions(seed=3, language=language, n_tokens=30)
            handle = await engine.submit(SpeechRequest(text, profile.voice, options))
            return np.concatenate([chunk.samples async for chunk in handle])

    async def main() -> None:
        for text, language in (("你好，世界。", "zh"), (MIXED, "auto")):
            first, again = [await speak(model, text, language) for _ in range(2)]
            assert np.abs(first).max() > 0
            assert np.array_equal(first, again)
            without = await speak(deaf, text, language)
            assert len(without) != len(first) or not np.array_equal(first, without)

    asyncio.run(main())


def test_a_pair_without_its_bert_speaks_everything_but_chinese(tmp_path: Path) -> None:
    model = write_pair(tmp_path, "v2", text=False).load()
    assert model.bert is None
    assert set(model.facts.languages) - set(model.languages) == {"zh"}
