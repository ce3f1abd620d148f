"""Verdicts: how far an output is from the stored one, and whether that is near enough."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor


class Result(StrEnum):
    PASS = "PASS"
    FAIL = "FAIL"
    NOT_SUPPORTED = "NOT SUPPORTED"


@dataclass(frozen=True)
class Verdict:
    folder: str
    output: str
    result: Result
    max_abs: float | None = None
    relative: float | None = None
    tolerance: float | None = None
    reason: str = ""

    def line(self) -> str:
        """One line of the table."""
        name = f"{self.folder}/{self.output}"
        if self.max_abs is None:
            return f"{name:<44} {'':<47} {self.result}  {self.reason}".rstrip()
        exact = "exact" if not self.tolerance else f"{self.tolerance:.0e}"
        numbers = f"max {self.max_abs:.2e}  rel {self.relative:.2e}  tolerance {exact:<6}"
        return f"{name:<44} {numbers:<47} {self.result}  {self.reason}".rstrip()


def judge(folder: str, output: str, computed: Tensor, stored: Tensor, *, tolerance: float) -> Verdict:
    """Integers must be equal; floats may differ by `tolerance` relative to the norm of what is stored."""
    if computed.shape != stored.shape:
        reason = f"shape {list(computed.shape)} instead of {list(stored.shape)}"
        return Verdict(folder, output, Result.FAIL, reason=reason)
    exact = not stored.is_floating_point()
    computed, stored = computed.detach().double(), stored.double()
    # Infinities that agree are equal; a NaN, or an infinity on one side, makes the error NaN: a FAIL.
    difference = torch.where(computed == stored, 0.0, computed - stored)
    finite = stored[stored.isfinite()]
    max_abs = float(difference.abs().max()) if difference.numel() else 0.0
    relative = float(difference.norm() / finite.norm().clamp(min=1e-30)) if max_abs else 0.0
    passed = max_abs == 0 if exact else relative <= tolerance
    result = Result.PASS if passed else Result.FAIL
    return Verdict(folder, output, result, max_abs, relative, 0.0 if exact else tolerance)


def summary(verdicts: Sequence[Verdict]) -> str:
    """One line of JSON for programs."""

    def named(result: Result) -> list[str]:
        return [f"{v.folder}/{v.output}" for v in verdicts if v.result is result]

    passed, failed, unsupported = (named(result) for result in Result)
    floats = [v for v in verdicts if v.tolerance and v.relative is not None]
    worst = max(floats, key=lambda v: (v.relative or 0.0) / (v.tolerance or 1.0), default=None)
    return json.dumps(
        {
            "pass": bool(verdicts) and not failed and not unsupported,
            "folders": len({v.folder for v in verdicts}),
            "outputs": len(verdicts),
            "passed": len(passed),
            "failed": failed,
            "not_supported": unsupported,
            "worst": None
            if worst is None
            else {"output": f"{worst.folder}/{worst.output}", "relative": worst.relative},
        }
    )
