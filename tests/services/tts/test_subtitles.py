"""Subtitles: a line for each segment, at the times at which it is heard."""

import httpx
import numpy as np
import pytest

from services.tts.subtitles import Cue, SubtitleFormat, Timeline, written
from tests.services.tts.conftest import wait_for

RATE = 24_000


def sound(seconds: float) -> bytes:
    return np.full(round(seconds * RATE), 1_000, "<i2").tobytes()


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE))


def test_a_cue_lasts_as_long_as_its_segment_is_heard_without_the_pause_around_it() -> None:
    timeline = Timeline()
    timeline.add(0, "First,\nas  written.", silence(0.5))
    timeline.add(0, None, sound(1.0))
    timeline.add(0, None, sound(0.25) + silence(0.3))
    timeline.add(1, "Second.", sound(2.0))
    assert timeline.cues(RATE) == [Cue(0.5, 1.75, "First, as written."), Cue(2.05, 4.05, "Second.")]


def test_a_segment_that_is_not_heard_has_no_cue() -> None:
    timeline = Timeline()
    timeline.add(0, "Nothing came of it.", silence(1.0))
    timeline.add(1, "This did.", sound(1.0))
    assert timeline.cues(RATE) == [Cue(1.0, 2.0, "This did.")]


CUES = [Cue(0.0, 1.5, "Fish & chips <now>."), Cue(3_725.25, 3_726.0, "An hour later.")]


def test_subrip_is_written_as_players_read_it() -> None:
    assert written(CUES, SubtitleFormat.SRT) == (
        "1\n00:00:00,000 --> 00:00:01,500\nFish & chips <now>.\n\n"
        "2\n01:02:05,250 --> 01:02:06,000\nAn hour later.\n"
    )


def test_webvtt_has_its_head_its_points_and_its_escapes() -> None:
    assert written(CUES, SubtitleFormat.VTT) == (
        "WEBVTT\n\n1\n00:00:00.000 --> 00:00:01.500\nFish &amp; chips &lt;now&gt;.\n\n"
        "2\n01:02:05.250 --> 01:02:06.000\nAn hour later.\n"
    )


# The stand-in for the engine makes half a second of sound for each sentence.
EXPECTED = (
    "1\n00:00:00,000 --> 00:00:00,500\nOne.\n\n"
    "2\n00:00:00,500 --> 00:00:01,000\nTwo two.\n\n"
    "3\n00:00:01,000 --> 00:00:01,500\nThree.\n"
)


@pytest.mark.parametrize("respond_async", [False, True])
def test_a_streamed_reply_and_a_job_have_the_same_subtitles(
    client: httpx.Client, respond_async: bool
) -> None:
    reply = client.post("/tts", json={"text": "One. Two two. Three.", "async": respond_async})
    where = f"/status/{reply.headers['X-Job-Id']}"
    wait_for(lambda: client.get(where).json()["state"] == "succeeded")
    links = client.get(where).json()["links"]
    subrip = client.get(links["srt"])
    assert subrip.headers["content-type"] == "application/x-subrip; charset=utf-8"
    assert subrip.text == EXPECTED
    vtt = client.get(links["vtt"])
    assert vtt.headers["content-type"] == "text/vtt; charset=utf-8"
    assert vtt.text.startswith("WEBVTT\n\n1\n00:00:00.")


def test_subtitles_of_a_job_under_way_or_unknown_are_refused(client: httpx.Client) -> None:
    where = client.post("/tts", json={"text": "[slow]. " * 50, "async": True}).headers["Location"]
    assert client.get(f"{where}/subtitles.srt").json()["code"] == "job_not_finished"
    client.delete(where)
    assert client.get(f"{where}/subtitles.srt").status_code == 404
    assert client.get("/status/none/subtitles.vtt").status_code == 404
    assert client.get(f"{where}/subtitles.txt").status_code == 422


def test_progress_counts_segments_as_they_are_done(client: httpx.Client) -> None:
    where = client.post("/tts", json={"text": "[slow]. " * 5, "async": True}).headers["Location"]
    seen: set[int] = set()
    wait_for(
        lambda: seen.add((job := client.get(where).json())["segments_done"]) or job["state"] == "succeeded"
    )
    assert len(seen) > 2
    assert max(seen) == 5
