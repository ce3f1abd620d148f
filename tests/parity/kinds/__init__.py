"""The kinds of folders, and what computes the outputs of each."""

from tests.parity.kinds.dsp import Dsp
from tests.parity.kinds.kind import Kind

KINDS: dict[str, type[Kind]] = {
    "dsp": Dsp,
}
