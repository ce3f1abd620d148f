import json
from pathlib import Path

import httpx

from services.tts.settings import GatewaySettings
from tests.services.clips import CLIP, OTHER_CLIP, voiced, wav
from tests.services.fakes import FakeEngine


def test_a_voice_is_uploaded_once_used_by_name_played_and_deleted(client: httpx.Client) -> None:
    made = client.post(
        "/voices", data={"name": "Jürgen 2", "text": "hello", "language": "en"}, files={"audio": CLIP}
    )
    assert made.status_code == 201
    assert made.json()["seconds"] == 4.0
    names = [voice["name"] for voice in client.get("/voices").json()["voices"]]
    assert names == ["alto", "Jürgen 2", "reference"]
    assert client.get("/voices/Jürgen 2").json()["text"] == "hello"
    played = client.get("/voices/Jürgen 2/audio")
    assert played.headers["content-type"] == "audio/wav"
    assert played.content == CLIP
    assert client.post("/tts", json={"text": "hi", "voice": "Jürgen 2"}).status_code == 200
    assert client.delete("/voices/Jürgen 2").status_code == 204
    assert client.post("/tts", json={"text": "hi", "voice": "Jürgen 2"}).status_code == 404


def test_several_clips_of_one_speaker_make_another_voice_than_one(client: httpx.Client) -> None:
    client.post("/voices", data={"name": "one"}, files={"audio": CLIP})
    both = [("audio", ("a", CLIP)), ("audio", ("b", OTHER_CLIP))]
    assert client.post("/voices", data={"name": "two"}, files=both).status_code == 201
    replies = [client.post("/tts", json={"text": "hi", "voice": name}) for name in ("one", "two")]
    assert [reply.headers["X-Speaker-Cache"] for reply in replies] == ["miss", "miss"]


def test_a_name_is_taken_only_once_and_builtin_clips_stay(client: httpx.Client) -> None:
    client.post("/voices", data={"name": "mine"}, files={"audio": CLIP})
    again = client.post("/voices", data={"name": "mine"}, files={"audio": CLIP})
    assert (again.status_code, again.json()["code"]) == (409, "voice_exists")
    assert client.delete("/voices/alto").status_code == 422


def test_impossible_names_and_clips_are_refused(client: httpx.Client) -> None:
    for name in ("../up", ".hidden", "", "a/b", "default", "x" * 65, "a\nb"):
        reply = client.post("/voices", data={"name": name}, files={"audio": CLIP})
        assert reply.status_code == 422, name
    assert client.post("/voices", data={"name": "x"}, files={"audio": b"junk"}).status_code == 422
    assert client.post("/voices", data={"name": "x"}, files={"audio": wav(voiced(61))}).status_code == 413
    assert client.post("/voices", json={"name": "x"}).status_code == 422
    assert [voice["name"] for voice in client.get("/voices").json()["voices"]] == ["alto", "reference"]


def test_a_transcript_beside_a_clip_is_the_voices_text(client: httpx.Client) -> None:
    found = client.get("/voices").json()
    assert found["default"] == "reference"
    assert {voice["name"]: voice.get("text") for voice in found["voices"]} == {
        "alto": None,
        "reference": "what the clip says",
    }


def test_a_path_in_the_audio_folder_can_become_a_voice(client: httpx.Client) -> None:
    assert client.post("/voices", json={"name": "named", "audio": "alto.wav"}).status_code == 201
    assert client.post("/voices", json={"name": "bad", "audio": "../secret.wav"}).status_code == 422


def test_a_voice_says_words_its_own_way_unless_the_request_says_otherwise(
    client: httpx.Client, engine: FakeEngine
) -> None:
    words = {"tomato": "T AH0 M AA1 T OW0", "data": "D AA1 T AH0"}
    sent = {"name": "british", "pronunciations": json.dumps(words)}
    assert client.post("/voices", data=sent, files={"audio": CLIP}).status_code == 201
    assert client.get("/voices/british").json()["pronunciations"] == words
    wish = {"text": "hi", "voice": "british", "pronunciations": {"data": "D EY1 T AH0"}}
    assert client.post("/tts", json=wish).status_code == 200
    said = engine.requests[-1].options.pronunciations
    assert said == {"tomato": "T AH0 M AA1 T OW0", "data": "D EY1 T AH0"}


def test_each_of_a_voices_clips_can_be_played(client: httpx.Client) -> None:
    both = [("audio", ("a", CLIP)), ("audio", ("b", OTHER_CLIP))]
    made = client.post("/voices", data={"name": "two"}, files=both).json()
    assert made["n_clips"] == 2
    played = [client.get("/voices/two/audio", params={"clip": n}) for n in (0, 1, 2)]
    assert [reply.status_code for reply in played] == [200, 200, 404]
    assert [reply.content for reply in played[:2]] == [CLIP, OTHER_CLIP]
    assert client.get("/voices/two/audio").content == CLIP


def test_a_voice_may_be_bound_to_a_model_that_is_not_there_yet(client: httpx.Client) -> None:
    sent = {"name": "ada", "model": "ada-e15"}
    assert client.post("/voices", data=sent, files={"audio": CLIP}).json()["model"] == "ada-e15"
    assert client.get("/voices/ada").json()["model"] == "ada-e15"
    refused = client.post("/tts", json={"text": "hi", "voice": "ada"})
    assert (refused.status_code, refused.json()["code"]) == (404, "model_not_found")
    assert client.post("/tts", json={"text": "hi", "voice": "ada", "model": "fake"}).status_code == 200


def test_deleting_a_voice_forgets_every_profile_of_its_clips(
    client: httpx.Client, engine: FakeEngine, settings: GatewaySettings, inference: str
) -> None:
    client.post("/voices", data={"name": "ada"}, files={"audio": CLIP})
    client.post("/voices", data={"name": "bea"}, files={"audio": OTHER_CLIP})
    said = [
        client.post("/tts", json={"text": "hi", "voice": "ada"}),
        client.post("/tts", json={"text": "hi", "voice": "ada", "reference_text": "other words"}),
        client.post("/tts", json={"text": "hi", "voice": "bea"}),
    ]
    speakers = [reply.headers["X-Speaker-Id"] for reply in said]
    assert len(set(speakers)) == 3
    folder = settings.state_folder / "profiles"
    assert len(list(folder.iterdir())) == 3
    assert client.delete("/voices/ada").status_code == 204
    assert len(list(folder.iterdir())) == 1
    known = [httpx.get(f"{inference}/speakers/{speaker}").status_code for speaker in speakers]
    assert known == [404, 404, 200]
    for speaker in speakers[:2]:
        assert client.post("/tts", json={"text": "hi", "speaker_id": speaker}).status_code == 404
    text = client.get("/metrics").text
    assert "tts_profile_cache_entries 1.0" in text
    assert "tts_profile_cache_hit_ratio 0.0" in text
    client.post("/tts", json={"text": "hi", "voice": "bea"})
    assert "tts_profile_cache_hit_ratio 0.25" in client.get("/metrics").text


def test_links_that_lead_out_of_the_audio_folder_are_neither_voices_nor_transcripts(
    tmp_path: Path, audio: Path, client: httpx.Client
) -> None:
    (tmp_path / "secret.txt").write_text("a secret")
    (audio / "alto.txt").symlink_to(tmp_path / "secret.txt")
    (audio / "leak.wav").symlink_to(tmp_path / "secret.wav")
    (audio / "voices").mkdir(exist_ok=True)
    (audio / "voices" / "outside").symlink_to(tmp_path)
    (audio / "same.wav").symlink_to(audio / "alto.wav")  # within it, a link is as good as a copy
    found = {voice["name"]: voice for voice in client.get("/voices").json()["voices"]}
    assert "same" in found
    assert not {"leak", "outside"} & found.keys()
    assert "text" not in found["alto"]
    for name in ("leak", "leak.wav", "../secret.wav", "voices/../../secret.wav"):
        assert client.post("/tts", json={"text": "hi", "voice": name}).status_code == 404
        refused = client.post("/tts", json={"text": "hi", "reference_audio": name})
        assert refused.status_code in (404, 422)
