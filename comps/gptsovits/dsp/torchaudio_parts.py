"""torchaudio's pure-Python parts, importable beside any build of torch.

The torchaudio wheels on PyPI carry a compiled extension that is linked against CUDA. Beside a CPU build of
torch it can't be loaded, and `import torchaudio` fails, although the parts used here (`transforms.Resample`,
`compliance.kaldi`) are plain Python on top of torch. In that case a stand-in for the module that loads the
extension is registered first; nothing else of torchaudio is touched, and beside a CUDA build the real module
is used.
"""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

_LOADER = "torchaudio._extension"


def _without_extension() -> ModuleType:
    """What `torchaudio._extension` looks like on an installation that was built without the extension."""

    def needs_extension(function: Callable[..., Any]) -> Callable[..., NoReturn]:
        def unavailable(*_: Any, **__: Any) -> NoReturn:
            raise RuntimeError(f"torchaudio.{function.__name__} needs an extension this torch can't load")

        return unavailable

    stand_in = ModuleType(_LOADER)
    stand_in.__dict__.update(_IS_TORCHAUDIO_EXT_AVAILABLE=False, fail_if_no_align=needs_extension)
    return stand_in


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except OSError:  # the dynamic linker: libc10_cuda.so, libcudart.so … are not there
        sys.modules[_LOADER] = _without_extension()
        return importlib.import_module(name)


transforms = _import("torchaudio.transforms")
kaldi = _import("torchaudio.compliance.kaldi")
