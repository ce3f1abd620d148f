"""The vocoders of v3 and v4 alone."""

from torch import Tensor

from comps.gptsovits.checkpoints.load import Part
from comps.gptsovits.checkpoints.parts import Vocoder, read_vocoder
from comps.gptsovits.networks.vocoders.antialias import AliasFreeSnake, half_band_filter
from tests.parity.case import Case
from tests.parity.kinds.kind import Kind, output

HALF_PRECISION = 1e-3


class MelToSamples(Kind):
    def __init__(self, case: Case) -> None:
        super().__init__(case)
        self.vocoder = vocoder_of(case).network

    @output(r"voc_out|wav")
    def samples(self) -> Tensor:
        mel = next(tensor for name, tensor in self.inputs.items() if name.endswith("mel"))
        return self.vocoder(mel)[0]


def vocoder_of(case: Case) -> Part[Vocoder]:
    """The case's vocoder, with its constants in full precision."""
    if case.manifest is None:
        part = read_vocoder(case.container, config=case.config["config"])
    else:
        part = read_vocoder(case.rebuilt_weights(), config=case.config["manifest"])
    for module in part.network.modules():
        if isinstance(module, AliasFreeSnake):
            _restore_constants(module)
    return part


def _restore_constants(snake: AliasFreeSnake) -> None:
    # The stored files were rounded to half precision after the outputs had been computed. That changes no
    # parameter, for those had been rounded before, but it does change the filters, which are constants.
    exact = half_band_filter()
    for filter_ in (snake.up_filter, snake.down_filter):
        if (filter_ - exact).abs().max() < HALF_PRECISION:
            filter_.copy_(exact)
