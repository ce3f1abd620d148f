"""The kinds of folders, and what computes the outputs of each."""

from collections.abc import Callable

from comps.gptsovits.versions import FACTS, Version
from tests.parity.case import Case
from tests.parity.kinds.cfm import Cfm
from tests.parity.kinds.dsp import Dsp
from tests.parity.kinds.encoders import Bert, Content, Speaker
from tests.parity.kinds.kind import Kind
from tests.parity.kinds.t2s import TextToSemantic
from tests.parity.kinds.vits import Vits
from tests.parity.kinds.vocoder import MelToSamples


def _decoder(case: Case) -> Kind:
    return Cfm(case) if FACTS[Version.parse(case.version)].flow else Vits(case)


KINDS: dict[str, Callable[[Case], Kind]] = {
    "bert": Bert,
    "dsp": Dsp,
    "hubert": Content,
    "s1": TextToSemantic,
    "s2": _decoder,
    "sv": Speaker,
    "vocoder": MelToSamples,
}
