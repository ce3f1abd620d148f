"""Computes every stored output of a case through the product and judges it."""

import gc
from collections.abc import Iterator

import torch

from tests.parity.case import Case
from tests.parity.kinds import KINDS
from tests.parity.kinds.kind import Kind
from tests.parity.report import Result, Verdict, judge


def check(case: Case) -> Iterator[Verdict]:
    """A verdict for each output stored in the case's folder, none left out."""
    kind = KINDS.get(case.kind)
    if kind is None:
        for output in case.outputs:
            reason = f"kind {case.kind!r}"
            yield Verdict(case.name, output, Result.NOT_SUPPORTED, reason=reason)
        return
    try:
        with torch.inference_mode():
            computer = kind(case)
    except Exception as error:  # a network that can't be loaded fails every output, with the reason
        for output in case.outputs:
            yield Verdict(case.name, output, Result.FAIL, reason=f"loading: {_text(error)}")
        return
    for output in case.outputs:
        yield _verdict(case, computer, output)
    del computer
    gc.collect()


def _verdict(case: Case, computer: Kind, output: str) -> Verdict:
    try:
        with torch.inference_mode():
            computed = computer.compute(output)
    except Exception as error:  # one output's failure says nothing about the next
        return Verdict(case.name, output, Result.FAIL, reason=_text(error))
    tolerance = computer.tolerance(output)
    return judge(case.name, output, computed, case.outputs[output], tolerance=tolerance)


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
