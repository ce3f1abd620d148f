"""A real recording in another real voice, through both services."""

import io

import soundfile

from tests.e2e.conftest import ROOT, House

SOURCE = ROOT / "audio" / "lower-voice.wav"
TARGET = ROOT / "audio" / "higher-voice.wav"


def test_a_recording_is_spoken_again_in_its_own_time(house: House) -> None:
    fields = {"text": SOURCE.with_suffix(".txt").read_text(), "seed": "5", "stream": "false"}
    # v3 and v4 say nothing without it; what lies beside the clip is not sent with an upload.
    fields["reference_text"] = TARGET.with_suffix(".txt").read_text()
    files = {"source": SOURCE.read_bytes(), "reference": TARGET.read_bytes()}
    replies = [
        client.post("/transfer", data=fields, files=files) for client in (house.gateway, house.inference)
    ]
    assert [reply.status_code for reply in replies] == [200, 200]
    assert replies[0].content == replies[1].content
    samples, rate = soundfile.read(io.BytesIO(replies[0].content))
    assert 0 <= len(samples) / rate - soundfile.info(SOURCE).duration < 0.04
    assert abs(samples).max() > 0.02
    job = house.gateway.get(f"/status/{replies[0].headers['X-Job-Id']}").json()
    assert (job["kind"], job["state"], job["warnings"]) == ("transfer", "succeeded", [])
