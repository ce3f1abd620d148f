"""Long text → segments that the model speaks one at a time."""

METHODS = ("punctuation", "cut0", "cut1", "cut2", "cut3", "cut4", "cut5")


def split_text(text: str, method: str = "punctuation", language: str = "auto") -> list[str]:
    """The segments of a text, in order. Raises InvalidOption for a method that is none of `METHODS`."""
    return [line for line in text.splitlines() if line.strip()]
