"""The two phoneme inventories, in the order in which the official weights index them.

Source: the reference implementation's symbol tables (322 symbols for v1; v2 appends 410: pitch marks, Korean
and Cantonese phonemes). tests/text/test_symbols.py states the laws.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

from comps.gptsovits.text.language import Inventory

UNKNOWN = "UNK"


def _read_symbols() -> dict[Inventory, tuple[str, ...]]:
    v2 = tuple(json.loads(files(__package__).joinpath("data", "symbols.json").read_text(encoding="utf-8")))
    return {"v1": v2[:V1_SYMBOLS], "v2": v2}


V1_SYMBOLS = 322
SYMBOLS: Mapping[Inventory, tuple[str, ...]] = _read_symbols()


class SymbolTable:
    """Phones ↔ ids of one inventory."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self.symbols = SYMBOLS[inventory]
        self._ids = {symbol: index for index, symbol in enumerate(self.symbols)}

    def __len__(self) -> int:
        return len(self.symbols)

    def __contains__(self, phone: object) -> bool:
        return phone in self._ids

    def ids(self, phones: Iterable[str]) -> list[int]:
        """The ids of phones, `[P]`; a phone that the inventory lacks becomes `UNK`."""
        unknown = self._ids[UNKNOWN]
        return [self._ids.get(phone, unknown) for phone in phones]

    def known(self, phones: Iterable[str]) -> list[str]:
        """The phones, with `UNK` for what the inventory lacks, as in the training of the official models."""
        return [phone if phone in self._ids else UNKNOWN for phone in phones]


@cache
def symbol_table(inventory: Inventory) -> SymbolTable:
    return SymbolTable(inventory)
