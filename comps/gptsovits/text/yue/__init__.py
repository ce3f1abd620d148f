"""Cantonese: normalisation as for Mandarin, readings by ToJyutping, jyutping phones (v2 inventory)."""

from comps.gptsovits.text.language import FrontEnd

REQUIRES = ("ToJyutping",)
EXTRA = "yue"


def front_end() -> FrontEnd:
    """The Cantonese front end; reads ToJyutping's dictionary (about a second)."""
    from comps.gptsovits.text.yue.frontend import CantoneseFrontEnd

    return CantoneseFrontEnd()
