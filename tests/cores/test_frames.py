import pytest
from hypothesis import given
from hypothesis import strategies as st

from comps.cores.errors import UpstreamNonsense
from comps.cores.proto.frames import Frame, FrameReader, pack


@given(
    sent=st.lists(st.tuples(st.integers(0, 99), st.binary(max_size=200)), max_size=8),
    cuts=st.lists(st.integers(1, 40), min_size=1, max_size=50),
)
def test_frames_survive_any_slicing(sent: list[tuple[int, bytes]], cuts: list[int]) -> None:
    wire = b"".join(pack(Frame(segment=segment, segments_total=100), audio) for segment, audio in sent)
    reader, received, position, turn = FrameReader(), [], 0, 0
    while position < len(wire):
        size = cuts[turn % len(cuts)]
        received += [
            (found.frame.segment, found.audio) for found in reader.feed(wire[position : position + size])
        ]
        position, turn = position + size, turn + 1
    assert received == sent
    assert reader.is_empty


@pytest.mark.parametrize("wire", [b"\xff\xff\xff\xff", b"\x02\0\0\0[]", b"\x03\0\0\0abc"])
def test_what_is_no_frame_is_nonsense(wire: bytes) -> None:
    with pytest.raises(UpstreamNonsense):
        list(FrameReader().feed(wire))
