"""Japanese, through Open JTalk (pyopenjtalk-plus): readings, and where the pitch rises and falls."""

from comps.gptsovits.text.language import FrontEnd

REQUIRES = ("pyopenjtalk", "onnxruntime", "platformdirs")
EXTRA = "ja"


def front_end() -> FrontEnd:
    from comps.gptsovits.text.ja.frontend import JapaneseFrontEnd

    return JapaneseFrontEnd()
