import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from comps.cores.errors import CorruptProfile
from comps.gptsovits.voice import Voice


def voice(**changes: object) -> Voice:
    values: dict[str, object] = {
        "fingerprint": "ab12",
        "model_id": "starter",
        "style": np.linspace(-1, 1, 16, dtype=np.float32),
        "prompt_tokens": np.arange(20),
        "prompt_phonemes": np.arange(12),
        "prompt_text": "Ein Satz, 一句话。",
        "prompt_language": "en",
        "seconds": 3.25,
    }
    return Voice(**(values | changes))  # type: ignore[arg-type]


def test_bytes_round_trip() -> None:
    made = voice(prompt_bert=np.ones((12, 4)), reference_mel=np.zeros((8, 30)))
    again = Voice.from_bytes(made.to_bytes())
    assert again == made
    assert again.id == made.id
    assert again.to_bytes() == made.to_bytes()
    assert again.prompt_text == made.prompt_text
    assert np.array_equal(again.style, made.style)


def test_equal_voices_are_equal_bytes_and_others_are_not() -> None:
    assert voice().to_bytes() == voice().to_bytes()
    assert voice().id != voice(seconds=3.5).id
    assert voice().id != voice(fingerprint="cd34").id


def test_nothing_in_a_voice_can_be_changed() -> None:
    style = np.zeros(16, np.float32)
    made = voice(style=style)
    style[0] = 1.0
    assert made.style[0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        made.style[0] = 1.0


def test_without_a_transcript_there_is_no_prompt() -> None:
    assert not voice(prompt_tokens=[], prompt_phonemes=[]).has_prompt
    assert voice().has_prompt


@given(st.binary(max_size=300))
def test_any_bytes_that_are_no_profile_are_refused(data: bytes) -> None:
    with pytest.raises(CorruptProfile):
        Voice.from_bytes(data)


@given(st.data())
def test_a_damaged_profile_is_refused_or_another_voice(data: st.DataObject) -> None:
    whole = bytearray(voice().to_bytes())
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    try:
        got = Voice.from_bytes(bytes(whole))
    except CorruptProfile:
        return
    assert got.id != voice().id or got == voice()


@pytest.mark.parametrize(
    "change",
    [
        {"style": np.full(4, np.nan, np.float32)},
        {"style": np.zeros((2, 2), np.float32)},
        {"style": np.zeros(4, np.float64)},
        {"prompt_tokens": np.array([-1], np.int32)},
        {"prompt_bert": np.zeros((3, 4), np.float32)},
        {"surprise": np.zeros(1, np.float32)},
    ],
)
def test_a_profile_with_impossible_tensors_is_refused(change: dict[str, np.ndarray]) -> None:
    tensors = {
        "style": np.zeros(4, np.float32),
        "prompt_tokens": np.zeros(2, np.int32),
        "prompt_phonemes": np.zeros(2, np.int32),
    }
    facts = {
        "format": "sovits-serve/voice/1",
        "fingerprint": "a",
        "model_id": "b",
        "prompt_text": "",
        "prompt_language": "",
        "seconds": 1.0,
    }
    metadata = {"voice": json.dumps(facts)}
    Voice.from_bytes(save(tensors, metadata=metadata))
    with pytest.raises(CorruptProfile):
        Voice.from_bytes(save(tensors | change, metadata=metadata))


@pytest.mark.parametrize("facts", ["[]", "{}", "nonsense", '{"format": "other"}', "null"])
def test_a_profile_with_impossible_metadata_is_refused(facts: str) -> None:
    tensors = {name: np.zeros(2, np.int32) for name in ("prompt_tokens", "prompt_phonemes")}
    with pytest.raises(CorruptProfile):
        Voice.from_bytes(save(tensors | {"style": np.zeros(2, np.float32)}, metadata={"voice": facts}))
