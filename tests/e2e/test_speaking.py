"""Both services with the real engine and the bundled model, from upload to audio."""

import base64
import io
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile

from tests.e2e.conftest import House

TEXT = "Good morning. It is a fine day, and there is much to do."


def heard(data: bytes) -> tuple[np.ndarray, int]:
    samples, rate = soundfile.read(io.BytesIO(data), dtype="float32")
    return samples, rate


def test_a_text_and_an_uploaded_clip_give_audible_speech_of_plausible_length(house: House) -> None:
    clip = (house.settings.audio_path / "higher-voice.wav").read_bytes()
    reply = house.gateway.post("/tts", data={"text": TEXT, "seed": "1"}, files={"reference_audio": clip})
    assert reply.status_code == 200, reply.text
    samples, rate = heard(reply.content)
    assert rate == int(reply.headers["X-Sample-Rate"])
    assert 1.0 < len(samples) / rate < 30.0
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() > 0.001


def test_the_same_request_and_seed_give_the_same_bytes_alone_or_in_company(house: House) -> None:
    wish = {"text": TEXT, "voice": "higher-voice", "seed": 7}
    alone = house.gateway.post("/tts", json=wish).content
    with ThreadPoolExecutor(4) as pool:
        others = [{"text": "Something else entirely.", "voice": "lower-voice", "seed": n} for n in range(3)]
        replies = list(pool.map(lambda body: house.gateway.post("/tts", json=body).content, [wish, *others]))
    assert replies[0] == alone
    assert len(set(replies)) == 4


def test_two_voices_speak_differently(house: House) -> None:
    one, two = (
        house.gateway.post("/tts", json={"text": TEXT, "voice": v, "seed": 3}).content
        for v in ("higher-voice", "lower-voice")
    )
    assert one != two


def test_a_profile_survives_that_the_inference_service_forgot_it(house: House) -> None:
    wish = {"text": "Hello there.", "voice": "lower-voice", "seed": 3}
    before = house.gateway.post("/tts", json=wish)
    assert house.inference.delete(f"/speakers/{before.headers['X-Speaker-Id']}").status_code == 204
    after = house.gateway.post("/tts", json=wish)
    assert after.headers["X-Speaker-Cache"] == "hit"
    assert after.content == before.content


@pytest.mark.parametrize("audio_format", ["flac", "mp3", "opus"])
def test_other_formats_last_as_long_as_the_wav(house: House, audio_format: str) -> None:
    wish = {"text": "Hello there.", "voice": "higher-voice", "seed": 3, "stream": False}
    wav, rate = heard(house.gateway.post("/tts", json=wish).content)
    other, other_rate = heard(
        house.gateway.post("/tts", json=wish | {"response_format": audio_format}).content
    )
    assert len(other) / other_rate == pytest.approx(len(wav) / rate, abs=0.15)


def test_a_job_ends_with_the_same_audio_as_a_whole_reply(house: House) -> None:
    wish = {
        "text": f"{TEXT} The rain has stopped at last, and the road is dry.",
        "voice": "higher-voice",
        "seed": 9,
    }
    whole = house.gateway.post("/tts", json=wish | {"stream": False}).content
    where = house.gateway.post("/tts", json=wish | {"async": True}).headers["Location"]
    deadline = time.monotonic() + 60
    while (job := house.gateway.get(where).json())["state"] in ("queued", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert job["state"] == "succeeded", job
    assert job["segments_done"] == job["segments_total"] >= 2
    assert house.gateway.get(f"{where}/audio").content[44:] == whole[44:]


def test_a_stream_lasts_as_long_as_the_whole_and_is_kept_as_it_was_heard(house: House) -> None:
    wish = {"text": TEXT, "voice": "higher-voice", "seed": 9}
    streamed = house.gateway.post("/tts", json=wish)
    whole = house.gateway.post("/tts", json=wish | {"stream": False})
    assert len(streamed.content) == len(whole.content)
    kept = house.gateway.get(f"/status/{streamed.headers['X-Job-Id']}/audio").content
    assert kept[44:] == streamed.content[44:]


def test_the_reference_projects_clients_speak_to_the_inference_service(house: House) -> None:
    fields = {
        "text": "Hello there.",
        "text_lang": "en",
        "ref_audio_path": "higher-voice.wav",
        "prompt_text": "",
        "prompt_lang": "en",
        "text_split_method": "cut5",
        "batch_size": 1,
        "media_type": "wav",
        "streaming_mode": "true",
    }
    assert heard(house.inference.get("/tts", params=fields).content)[1] > 0
    assert heard(house.inference.post("/tts", json=fields | {"streaming_mode": False}).content)[1] > 0


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"text": "🙂🙂🙂"}, 422, "unspeakable_text"),
        ({"text": " ... !!! "}, 422, "unspeakable_text"),
        ({"text": "hello", "language": "ko"}, 422, "unsupported_language"),
        ({"text": "hello", "language": "xx"}, 422, "unsupported_language"),
        ({"text": "hello", "model": "another"}, 404, "model_not_found"),
        ({"text": "x" * 50_000}, 422, "invalid_fields"),
    ],
)
def test_what_cannot_be_spoken_is_refused_and_never_silence(
    house: House, fields: dict[str, str], status: int, code: str
) -> None:
    reply = house.gateway.post("/tts", json={"voice": "higher-voice", **fields})
    assert (reply.status_code, reply.json()["code"]) == (status, code), reply.text


def test_a_noisy_or_loud_clip_still_makes_a_voice(house: House) -> None:
    rng = np.random.default_rng(3)
    out = io.BytesIO()
    soundfile.write(out, rng.uniform(-1, 1, 48_000).astype(np.float32), 16_000, format="WAV")
    data = base64.b64encode(out.getvalue()).decode()
    body = {"text": "Hello.", "reference_audio": f"data:audio/wav;base64,{data}"}
    assert house.gateway.post("/tts", json=body).status_code == 200


def test_the_bundled_model_says_the_same_whether_it_streams_or_not(house: House) -> None:
    wish = {"text": TEXT, "voice": "higher-voice", "seed": 11, "response_format": "pcm"}
    whole, streamed = (
        house.gateway.post("/tts", json={**wish, "stream": stream}).content for stream in (False, True)
    )
    assert len(whole) > 24_000
    assert streamed == whole
