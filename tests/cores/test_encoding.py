import importlib.util
import io
from collections.abc import Iterator

import numpy as np
import pytest
import soundfile

from comps.cores.audio.decoding import decode
from comps.cores.audio.encoding import apply_rewrites, encode_whole, encoder_for, from_int16
from comps.cores.audio.formats import AudioFormat
from comps.cores.audio.resampling import Resampler
from comps.cores.errors import InvalidOption

HAS_CODECS = importlib.util.find_spec("av") is not None
READABLE = [AudioFormat.WAV, AudioFormat.FLAC, AudioFormat.MP3, AudioFormat.OPUS, AudioFormat.OGG]


def speechlike(seconds: float, rate: int) -> np.ndarray:
    t = np.arange(int(seconds * rate)) / rate
    return (0.4 * np.sin(2 * np.pi * 180 * t) * (1 + np.sin(2 * np.pi * 3 * t)) / 2).astype(np.float32)


def in_chunks(samples: np.ndarray, n: int) -> list[np.ndarray]:
    return [samples[start : start + n] for start in range(0, len(samples), n)]


@pytest.mark.parametrize("audio_format", READABLE)
@pytest.mark.parametrize("rate", [24_000, 32_000])
def test_chunks_become_one_file_that_says_what_went_in(audio_format: AudioFormat, rate: int) -> None:
    samples = speechlike(3.0, rate)
    encoder = encoder_for(audio_format, rate)
    data = b"".join(encoder.encode(chunk) for chunk in in_chunks(samples, 2_400)) + encoder.finish()
    heard = decode(data)
    assert heard.rate == encoder.rate or audio_format in (AudioFormat.OPUS, AudioFormat.OGG)
    assert heard.seconds == pytest.approx(3.0, abs=0.15)
    assert np.sqrt(np.mean(heard.samples**2)) == pytest.approx(np.sqrt(np.mean(samples**2)), rel=0.1)


@pytest.mark.parametrize("audio_format", READABLE)
def test_a_stream_gives_its_first_bytes_of_audio_within_a_quarter_second_of_it(
    audio_format: AudioFormat,
) -> None:
    encoder = encoder_for(audio_format, 24_000)
    samples = speechlike(2.0, 24_000)
    sizes = [len(encoder.encode(chunk)) for chunk in in_chunks(samples, 2_400)]  # 100 ms each
    assert sum(sizes[1:3]) > 0, "nothing but a header came out"
    quiet = max(len(run) for run in "".join("x" if n else " " for n in sizes[1:]).split("x"))
    assert quiet <= 2, f"a gap of {quiet} chunks in the stream"


@pytest.mark.parametrize("audio_format", [AudioFormat.WAV, AudioFormat.FLAC])
def test_a_whole_file_has_the_right_length_in_its_header(audio_format: AudioFormat) -> None:
    samples = speechlike(1.5, 24_000)
    with soundfile.SoundFile(io.BytesIO(encode_whole(samples, 24_000, audio_format))) as file:
        assert file.frames == len(samples)
        heard = file.read(dtype="float32")
    assert np.abs(heard - samples).max() < 1e-4


def test_a_streamed_wav_header_leaves_its_lengths_open_and_the_rewrites_close_them() -> None:
    samples = speechlike(1.0, 24_000)
    encoder = encoder_for(AudioFormat.WAV, 24_000)
    data = bytearray(encoder.encode(samples) + encoder.finish())
    assert data[40:44] == b"\xff\xff\xff\xff"
    apply_rewrites(data, encoder.rewrites)
    assert int.from_bytes(data[40:44], "little") == len(data) - 44
    assert int.from_bytes(data[4:8], "little") == len(data) - 8


def test_a_wav_of_no_samples_is_still_a_wav() -> None:
    assert (
        soundfile.info(io.BytesIO(encode_whole(np.zeros(0, np.float32), 24_000, AudioFormat.WAV))).frames == 0
    )


def test_pcm_is_bare_samples_and_clips_instead_of_wrapping() -> None:
    data = encode_whole(np.array([0.0, 0.5, 1.0, 3.0, -3.0], np.float32), 24_000, AudioFormat.PCM)
    assert list(np.frombuffer(data, "<i2")) == [0, 16384, 32767, 32767, -32768]
    assert from_int16(data)[1] == pytest.approx(0.5, abs=1e-4)


def test_pieces_resample_to_the_same_as_the_whole() -> None:
    samples = speechlike(1.0, 32_000)

    def through(pieces: list[np.ndarray]) -> np.ndarray:
        resampler = Resampler(32_000, 48_000)
        return np.concatenate([*(resampler.push(piece) for piece in pieces), resampler.finish()])

    whole, pieced = through([samples]), through(in_chunks(samples, 777))
    assert len(whole) == pytest.approx(48_000, abs=2)
    assert len(whole) == len(pieced)
    assert np.abs(whole - pieced).max() < 1e-5


@pytest.mark.parametrize("rate", [24_000, 32_000, 48_000])
@pytest.mark.parametrize("audio_format", [AudioFormat.OPUS, AudioFormat.OGG])
def test_opus_pages_are_short_enough_to_be_heard_at_once(audio_format: AudioFormat, rate: int) -> None:
    """An Ogg page is played when all of it is there: none may hold more than 100 ms (RFC 3533, RFC 7845)."""
    encoder = encoder_for(audio_format, rate)
    pieces = [encoder.encode(chunk) for chunk in in_chunks(speechlike(3.0, rate), rate // 50)]
    data = b"".join([*pieces, encoder.finish()])
    positions = [int.from_bytes(data[at + 6 : at + 14], "little") for at in _pages(data)]
    audio = [position for position in positions if position > 0]  # the two head pages stand at 0
    lengths = np.diff([0, *audio]) / 48_000  # granules are counted at 48 kHz whatever the rate
    assert len(audio) >= 30
    assert lengths.max() <= 0.1
    assert audio[-1] / 48_000 == pytest.approx(3.0, abs=0.05)


def _pages(data: bytes) -> Iterator[int]:
    """Where each page begins: 27 bytes, a table of segment sizes, the segments."""
    at = 0
    while at < len(data):
        assert data[at : at + 4] == b"OggS"
        yield at
        n_segments = data[at + 26]
        at += 27 + n_segments + sum(data[at + 27 : at + 27 + n_segments])


@pytest.mark.skipif(HAS_CODECS, reason="the extra 'codecs' is installed")
def test_aac_without_its_extra_is_refused_with_the_name_of_what_is_missing() -> None:
    with pytest.raises(InvalidOption, match="codecs"):
        encoder_for(AudioFormat.AAC, 24_000)


needs_codecs = pytest.mark.skipif(not HAS_CODECS, reason="needs the extra 'codecs' (PyAV)")


@needs_codecs
@pytest.mark.parametrize("rate", [24_000, 32_000, 48_000])
def test_aac_says_what_went_in(rate: int) -> None:
    samples = speechlike(2.0, rate)
    encoder = encoder_for(AudioFormat.AAC, rate)
    data = b"".join(encoder.encode(chunk) for chunk in in_chunks(samples, 2_400)) + encoder.finish()
    heard, heard_rate = _heard_aac(data)
    assert heard_rate == rate
    assert len(heard) / rate == pytest.approx(2.0, abs=0.1)
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(np.sqrt(np.mean(samples**2)), rel=0.1)


@needs_codecs
def test_aac_streams_frame_by_frame_each_with_its_head() -> None:
    encoder = encoder_for(AudioFormat.AAC, 24_000)
    pieces = [encoder.encode(chunk) for chunk in in_chunks(speechlike(2.0, 24_000), 2_400)]
    assert all(pieces[2:]), "a gap in the stream"
    data, at, n_frames = b"".join([*pieces, encoder.finish()]), 0, 0
    while at < len(data):  # ISO 13818-7: a sync word, and the frame's length in 13 bits
        assert data[at] == 0xFF
        assert data[at + 1] & 0xF6 == 0xF0
        at += (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        n_frames += 1
    assert at == len(data)
    assert n_frames == pytest.approx(2.0 * 24_000 / 1_024, abs=3)


def _heard_aac(data: bytes) -> tuple[np.ndarray, int]:
    import av

    with av.open(io.BytesIO(data)) as container:
        frames = list(container.decode(audio=0))
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]), frames[0].sample_rate
