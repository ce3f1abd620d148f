"""Words whose pronunciation is known: CMUdict and a list of names."""

import gzip
from collections.abc import Mapping
from importlib.resources import files

DATA = files(__package__).joinpath("data")

LETTERS: Mapping[str, tuple[str, ...]] = {
    letter: tuple(phones.split())
    for letter, phones in (
        line.split(":")
        for line in (
            "a:EY1|b:B IY1|c:S IY1|d:D IY1|e:IY1|f:EH1 F|g:JH IY1|h:EY1 CH|i:AY1|j:JH EY1|k:K EY1|"
            "l:EH1 L|m:EH1 M|"
            "n:EH1 N|o:OW1|p:P IY1|q:K Y UW1|r:AA1 R|s:EH1 S|t:T IY1|u:Y UW1|v:V IY1|w:D AH1 B AH0 L Y UW0|"
            "x:EH1 K S|y:W AY1|z:Z IY1"
        ).split("|")
    )
}
"""The names of the letters, as CMUdict gives them."""


class Lexicon:
    """Word (lower case) → phones. Lines are split on demand, so that 126,000 words load in 0.2 s."""

    def __init__(self, file_name: str) -> None:
        text = gzip.decompress(DATA.joinpath(file_name).read_bytes()).decode("ascii")
        self._phones = dict(line.split(" ", 1) for line in text.splitlines())

    def __contains__(self, word: object) -> bool:
        return word in self._phones

    def __len__(self) -> int:
        return len(self._phones)

    def get(self, word: str) -> list[str] | None:
        phones = self._phones.get(word)
        return None if phones is None else phones.split(" ")
