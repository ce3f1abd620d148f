"""Where and in what precision to run: a pure choice from what a machine has."""

from dataclasses import dataclass
from enum import StrEnum

import torch


class Precision(StrEnum):
    """What a CPU may compute in; there the weights are float32 whatever is chosen.

    On a GPU `EXACT` alone says something: that a request is computed by the same kernels in company as alone.
    Which numbers a GPU computes in is its `Device`'s dtype.
    """

    AUTO = "auto"  # what this processor gains from
    EXACT = "exact"  # float32 throughout
    BF16 = "bf16"
    INT8 = "int8"


@dataclass(frozen=True)
class Device:
    """`name` as torch spells it, the numbers' type there, and how many threads the CPU part may use."""

    name: str
    dtype: torch.dtype
    threads: int

    @property
    def dtype_name(self) -> str:
        return str(self.dtype).removeprefix("torch.")


def choose_device(
    asked: str = "auto",
    dtype: str = "auto",
    *,
    has_cuda: bool,
    n_cores: int,
    supports_bfloat16: bool = False,
) -> Device:
    """`asked` is auto, cpu or cuda[:n]; `dtype` auto, float32, float16 or bfloat16.

    A GPU runs in half precision, as the published weights are stored; a CPU is faster and exact in float32.
    Raises `ValueError` for what the machine lacks or torch does not know.
    """
    name = ("cuda" if has_cuda else "cpu") if asked == "auto" else asked
    kind = name.partition(":")[0]
    if kind not in ("cpu", "cuda"):
        raise ValueError(f"no device is called {asked!r}; there are auto, cpu and cuda")
    if kind == "cuda" and not has_cuda:
        raise ValueError("no CUDA device is usable here; ask for cpu or auto")
    known = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
    if dtype == "auto":
        chosen = torch.float16 if kind == "cuda" else torch.float32
    elif dtype in known:
        chosen = known[dtype]
    else:
        raise ValueError(f"no dtype is called {dtype!r}; there are auto, {', '.join(known)}")
    if kind == "cuda" and chosen is torch.bfloat16 and not supports_bfloat16:
        raise ValueError("this GPU cannot compute in bfloat16; ask for float16 or float32")
    return Device(name, chosen, max(1, n_cores))


def machine_device(asked: str = "auto", dtype: str = "auto") -> Device:
    """`choose_device` with the facts of this machine."""
    has_cuda = torch.cuda.is_available()
    return choose_device(
        asked,
        dtype,
        has_cuda=has_cuda,
        n_cores=torch.get_num_threads(),
        supports_bfloat16=has_cuda and torch.cuda.is_bf16_supported(),
    )


def computes_bfloat16_well() -> bool:
    """Whether this CPU has instructions for it; without them it is slower than float32."""
    tests = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in tests)


def vocoder_dtype(precision: Precision, *, has_bfloat16: bool) -> torch.dtype:
    """What a vocoder's convolutions compute in on a CPU.

    A fact of the machine and never a measurement, so that the same request gives the same samples after a
    restart.
    """
    gains = precision is not Precision.EXACT and has_bfloat16
    return torch.bfloat16 if gains or precision is Precision.BF16 else torch.float32
