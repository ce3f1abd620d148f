import numpy as np

from comps.gptsovits.engine.outlet import Outlet
from comps.gptsovits.engine.request import AudioChunk


def outlet(*pauses: float, lead_seconds: float = 0.0) -> tuple[Outlet, list[AudioChunk]]:
    sent: list[AudioChunk] = []
    return Outlet(pauses, sample_rate=100, lead_seconds=lead_seconds, send=sent.append), sent


def ones(n: int, value: float = 1.0) -> np.ndarray:
    return np.full(n, value, np.float32)


def test_segments_are_heard_in_order_whatever_order_they_were_made_in() -> None:
    out, sent = outlet(0.0, 0.0, 0.0)
    out.add(2, ones(5, 3.0), is_last=True)
    out.add(0, ones(5, 1.0), is_last=False)
    out.add(1, ones(5, 2.0), is_last=True)
    assert [chunk.segment for chunk in sent] == [0]
    out.add(0, ones(5, 1.0), is_last=True)
    assert [chunk.segment for chunk in sent] == [0, 0, 1, 2]
    assert np.concatenate([chunk.samples for chunk in sent]).tolist() == [1.0] * 10 + [2.0] * 5 + [3.0] * 5
    assert out.is_finished


def test_a_pause_stands_between_segments_and_not_at_the_end() -> None:
    out, sent = outlet(0.5, 0.0)
    out.add(0, ones(10), is_last=True)
    out.add(1, ones(10), is_last=True)
    assert np.concatenate([chunk.samples for chunk in sent]).tolist() == [1.0] * 10 + [0.0] * 50 + [1.0] * 10
    assert out.sent_seconds == 0.7


def test_only_the_very_last_chunk_is_final() -> None:
    out, sent = outlet(0.5, 0.0)
    for segment in (0, 1):
        for is_last in (False, True):
            out.add(segment, ones(3), is_last=is_last)
    assert [chunk.is_final for chunk in sent] == [False] * (len(sent) - 1) + [True]
    assert all(chunk.segments_total == 2 for chunk in sent)


def test_a_segment_without_audio_is_passed_over_and_the_end_still_comes() -> None:
    out, sent = outlet(0.5, 0.0)
    out.add(0, ones(0), is_last=True)
    out.add(1, ones(0), is_last=True)
    assert sent[-1].is_final
    assert out.is_finished


def test_silence_that_the_text_asks_for_stands_before_and_after() -> None:
    out, sent = outlet(0.2, lead_seconds=0.3)
    out.add(0, ones(10), is_last=True)
    assert np.concatenate([chunk.samples for chunk in sent]).tolist() == [0.0] * 30 + [1.0] * 10 + [0.0] * 20
    assert [chunk.is_final for chunk in sent] == [False, False, True]
    assert out.is_finished
