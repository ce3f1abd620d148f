import pytest
from pydantic import ValidationError

from comps.cores.proto.audio import AudioFormat
from comps.cores.proto.speech import GatewaySpeechRequest, SpeechRequest

API_V2_POST = {
    "text": "hello",
    "text_lang": "EN",
    "ref_audio_path": "./clips/a.wav",
    "aux_ref_audio_paths": None,
    "prompt_text": "",
    "prompt_lang": "en",
    "top_k": 5,
    "top_p": 1,
    "temperature": 1,
    "text_split_method": "cut5",
    "batch_size": 1,
    "batch_threshold": 0.75,
    "split_bucket": True,
    "speed_factor": 1.0,
    "fragment_interval": 0.3,
    "seed": -1,
    "media_type": "raw",
    "streaming_mode": "true",
    "parallel_infer": True,
    "repetition_penalty": 1.35,
    "sample_steps": 32,
    "super_sampling": False,
    "overlap_length": 2,
    "min_chunk_length": 16,
}


def test_every_field_of_the_reference_api_is_understood() -> None:
    request = SpeechRequest.model_validate(API_V2_POST)
    assert request.language == "en"
    assert request.reference_audio == "./clips/a.wav"
    assert request.aux_reference_audio == []
    assert request.reference_text is None
    assert request.split == "cut5"
    assert request.seed is None
    assert request.response_format is AudioFormat.PCM
    assert request.stream is True


@pytest.mark.parametrize(
    ("mode", "streams"),
    [(0, False), (1, True), (2, True), (3, True), (True, True), (False, False), ("true", True), ("0", False)],
)
def test_streaming_modes(mode: object, streams: bool) -> None:
    assert SpeechRequest.model_validate({"text": "a", "streaming_mode": mode}).stream is streams


def test_a_client_of_the_reference_api_gets_whole_files_unless_it_asks_otherwise() -> None:
    assert SpeechRequest.model_validate({"text": "a", "text_lang": "en"}).stream is False
    assert SpeechRequest.model_validate({"text": "a", "language": "en"}).stream is True


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"text": ""},
        {"text": "x" * 20_001},
        {"text": "a", "speed": 0.1},
        {"text": "a", "speed": 5},
        {"text": "a", "speed": "nan"},
        {"text": "a", "top_p": 0},
        {"text": "a", "temperature": float("nan")},
        {"text": "a", "response_format": "wma"},
        {"text": "a", "split": "cut9"},
        {"text": "a", "unheard_of": 1},
        {"text": "a", "seed": 2**63},
        {"text": "a", "text_lang": "en", "language": "en"},
        {"text": "\ud800"},
        {"text": 5},
        {"text": None},
    ],
)
def test_impossible_fields_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SpeechRequest.model_validate(fields)


def test_the_gateway_reads_async_by_its_public_name() -> None:
    assert GatewaySpeechRequest.model_validate({"text": "a", "async": True}).respond_async
