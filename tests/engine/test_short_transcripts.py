"""A transcript too short to stand alone gets a pause before it, and its features move with it."""

from pathlib import Path

import pytest
import torch

from comps.gptsovits.checkpoints.build import load_pair
from comps.gptsovits.engine.engine import _transcript
from comps.gptsovits.engine.features import bert_features
from comps.gptsovits.text.registry import is_installed
from tests.tiny import write_pair


@pytest.mark.skipif(not is_installed("zh"), reason="the extra zh is not installed")
def test_features_of_a_short_chinese_transcript_stand_at_its_own_phonemes(tmp_path: Path) -> None:
    pair = write_pair(tmp_path, "v2")
    model = load_pair(pair.t2s, pair.decoder, assets=pair.root)
    transcript = _transcript("你好", "zh", model)
    assert len(transcript.phonemes) == 6  # a pause, four phonemes, a pause
    with torch.inference_mode():
        features = bert_features(model, transcript)
    assert features is not None
    assert [bool(row.any()) for row in features] == [False, True, True, True, True, False]
