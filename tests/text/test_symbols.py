"""The inventories are indices into weights: their order and length are law."""

from comps.gptsovits.text.symbols import SYMBOLS, symbol_table


def test_v2_continues_v1() -> None:
    assert len(SYMBOLS["v1"]) == 322
    assert len(SYMBOLS["v2"]) == 732
    assert SYMBOLS["v2"][:322] == SYMBOLS["v1"] == tuple(sorted(SYMBOLS["v1"]))
    assert len(set(SYMBOLS["v2"])) == 732


def test_ids_index_the_symbols_and_strangers_become_unk() -> None:
    for inventory in ("v1", "v2"):
        table = symbol_table(inventory)
        assert table.ids(table.symbols) == list(range(len(table)))
        assert table.ids(["no such phone"]) == [table.symbols.index("UNK")]
    assert symbol_table("v1").known(["AH0", "["]) == ["AH0", "UNK"]
    assert symbol_table("v2").known(["AH0", "["]) == ["AH0", "["]
