"""Windows in one call of the vocoder are what each is by itself, and calls are recorded once."""

import pytest
import torch
from torch import Tensor

from comps.gptsovits.devices import Precision
from comps.gptsovits.engine import vocoding
from comps.gptsovits.engine.lane import Lane
from comps.gptsovits.engine.vocoding import BatchedVocoder
from comps.gptsovits.engine.warming import usual_windows
from comps.gptsovits.engine.windows import Shape, Vocoder, Window
from comps.gptsovits.networks.vocoders.bigvgan import BigVgan, BigVganConfig
from comps.gptsovits.networks.vocoders.hifigan import HifiGan
from comps.gptsovits.networks.vocoders.vocos import Vocos, VocosConfig
from tests.engine.recording import Recorder, Replayer
from tests.engine.small import DECODER_CONFIG, SAMPLE_RATE, small_model

CONFIG = DECODER_CONFIG.vocoder
BIGVGAN_CONFIG = BigVganConfig(
    in_channels=16,
    initial_channels=32,
    upsample_rates=(10, 4, 4),
    upsample_kernels=(16, 8, 8),
    resblock_kernels=(3,),
    resblock_dilations=((1, 3),),
)

VOCOS_CONFIG = VocosConfig(
    in_channels=16,
    channels=24,
    n_layers=2,
    rate=4,
    window_channels=16,
    n_window_layers=1,
    window_hop=40,
    n_fft=160,
)


class Counted(HifiGan):
    """Counts its calls, and refuses frames of which one is infinite."""

    def __init__(self) -> None:
        super().__init__(CONFIG)
        self.n_calls, self.n_rows = 0, 0

    def forward(self, x: Tensor, style: Tensor | None = None, *, context: tuple[int, int] = (0, 0)) -> Tensor:
        self.n_calls, self.n_rows = self.n_calls + 1, len(x)
        if x.isinf().any():
            raise RuntimeError("no")
        return super().forward(x, style, context=context)


@pytest.fixture
def vocoder() -> Counted:
    torch.manual_seed(0)
    return Counted().eval()


def window(vocoder: Vocoder, seed: int, n_frames: int = 40) -> Window:
    g = torch.Generator().manual_seed(seed)
    frames = torch.randn(1, CONFIG.in_channels, n_frames, generator=g)
    style = torch.randn(1, DECODER_CONFIG.style_dim, 1, generator=g)
    return Window(vocoder, None if isinstance(vocoder, BigVgan) else style, frames, (13, 5), is_last=False)


def batched(vocoder: Vocoder, recorder: Recorder | None = None) -> BatchedVocoder:
    return BatchedVocoder(vocoder, sample_rate=SAMPLE_RATE, together=True, record=recorder)


def alone(window: Window) -> Tensor:
    (made,) = BatchedVocoder(window.vocoder, sample_rate=SAMPLE_RATE).vocode([window])
    assert isinstance(made, Tensor)
    return made


def check(windows: list[Window], made: list[Tensor | Exception]) -> None:
    for one, samples in zip(windows, made, strict=True):
        assert isinstance(samples, Tensor)
        torch.testing.assert_close(samples, alone(one), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 3, 8])
@pytest.mark.parametrize("is_recorded", [False, True])
@torch.inference_mode()
def test_each_row_is_what_it_is_alone_in_its_own_style(vocoder: Counted, n: int, is_recorded: bool) -> None:
    together = batched(vocoder, Recorder() if is_recorded else None)
    for turn in range(3):  # at first as it is, then recorded, then again
        windows = [window(vocoder, 10 * turn + i) for i in range(n)]
        check(windows, together.vocode(windows))


@pytest.mark.parametrize("kind", ["HiFi-GAN", "BigVGAN", "Vocos"])
@torch.inference_mode()
def test_what_a_gpu_would_record_makes_the_same(kind: str) -> None:
    """Nothing of a call is refused by a capture, and a replay knows all it needs."""
    torch.manual_seed(0)
    networks = {"HiFi-GAN": HifiGan(CONFIG), "BigVGAN": BigVgan(BIGVGAN_CONFIG), "Vocos": Vocos(VOCOS_CONFIG)}
    network = networks[kind].eval()
    together = batched(network, recorder := Replayer())
    for turn in range(4):
        windows = [window(network, 10 * turn + i, 60) for i in range(3)]
        check(windows, together.vocode(windows))
    assert recorder.n_recorded == 1


@torch.inference_mode()
def test_a_size_and_shape_is_recorded_when_it_comes_again_and_then_no_more(vocoder: Counted) -> None:
    recorder = Recorder()
    together = batched(vocoder, recorder)
    told: list[tuple[int, int, int]] = []
    for n, n_frames in ((3, 40), (3, 40), (4, 40), (3, 40), (2, 40), (2, 40), (3, 56), (3, 56), (3, 56)):
        before = vocoder.n_calls
        together.vocode([window(vocoder, i, n_frames) for i in range(n)])
        told.append((recorder.n_recorded, vocoder.n_calls - before, vocoder.n_rows))
    assert told == [
        (0, 1, 3),
        (1, 3, 4),
        (1, 1, 4),
        (1, 1, 4),
        (1, 1, 2),
        (2, 3, 2),
        (2, 1, 3),
        (3, 3, 4),
        (3, 1, 4),
    ]


@torch.inference_mode()
def test_a_recordings_samples_are_not_those_of_the_next_call(vocoder: Counted) -> None:
    together = batched(vocoder, Recorder())
    windows = [window(vocoder, i) for i in range(4)]
    made = [together.vocode([one])[0] for one in windows]
    check(windows, made)


@torch.inference_mode()
def test_recordings_unused_for_longest_make_room(vocoder: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocoding, "MOST_KEPT", 2)
    recorder = Recorder()
    together = batched(vocoder, recorder)

    def twice(n_frames: int) -> int:
        for _ in range(2):
            together.vocode([window(vocoder, 0, n_frames)])
        return recorder.n_recorded

    assert [twice(n) for n in (40, 48, 40, 56, 40, 48)] == [1, 2, 2, 3, 3, 4]


@torch.inference_mode()
def test_what_fails_in_a_call_fails_alone(vocoder: Counted) -> None:
    windows = [window(vocoder, i) for i in range(4)]
    windows[2].frames[..., 20] = torch.inf
    made = batched(vocoder).vocode(windows)
    assert isinstance(made[2], RuntimeError)
    check(windows[:2] + windows[3:], made[:2] + made[3:])


@torch.inference_mode()
def test_numbers_that_are_none_stay_in_their_row(vocoder: Counted) -> None:
    windows = [window(vocoder, i) for i in range(4)]
    windows[1].frames[..., 20] = torch.nan
    together = batched(vocoder, Recorder())
    for _ in range(2):
        made = together.vocode(windows)
        assert isinstance(made[1], Tensor)
        assert made[1].isnan().any()
        check(windows[:1] + windows[2:], made[:1] + made[2:])
    check(windows[2:], together.vocode(windows[2:]))


def test_a_call_has_room_for_so_much_audio_and_so_many_rows(vocoder: Counted) -> None:
    rate = SAMPLE_RATE // CONFIG.hop_length  # frames a second
    rooms = [batched(vocoder).room_for(Shape(round(s * rate) + 20, 10, 10)) for s in (0.1, 0.5, 2.0, 3.0, 40)]
    assert rooms == [16, 16, 8, 4, 1]
    bigvgan = batched(BigVgan(BIGVGAN_CONFIG))
    assert [bigvgan.room_for(Shape(s * rate, 0, 0)) for s in (1, 3)] == [4, 2]
    by_itself = BatchedVocoder(vocoder, sample_rate=SAMPLE_RATE)
    assert by_itself.room_for(Shape(30, 10, 10)) == 1


@torch.inference_mode()
def test_what_most_speech_needs_is_recorded_ahead(vocoder: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocoding, "BUCKETS", (1, 2))
    model, recorder = small_model(), Recorder()
    model.decoder.vocoder = vocoder
    together = batched(vocoder, recorder)
    windows = list(usual_windows(model))
    together.record_ahead(windows)
    shapes = {one.shape for one in windows}
    n_recorded = recorder.n_recorded
    assert n_recorded == sum(len([b for b in vocoding.BUCKETS if b <= together.room_for(s)]) for s in shapes)
    assert len(shapes) <= 40
    for one in windows:
        check([one], together.vocode([one]))
        together.vocode([one] * together.room_for(one.shape))
    assert recorder.n_recorded == n_recorded


@torch.inference_mode()
def test_a_lane_shares_calls_where_it_records_unless_it_is_exact() -> None:
    shape = Shape(30, 10, 10)
    auto = Lane(small_model(), 2, compiled=False, record=Recorder())
    assert auto.vocoder.room_for(shape) == 16
    recorder = Recorder()
    exact = Lane(small_model(), 2, compiled=False, precision=Precision.EXACT, record=recorder)
    assert exact.vocoder.room_for(shape) == 1
    exact.prepare()
    n_shapes = len({one.shape for one in usual_windows(exact.model)})
    assert recorder.n_recorded == n_shapes + 1  # one size of window, one of step
    assert Lane(small_model(), 2, compiled=False).vocoder.room_for(shape) == 1
