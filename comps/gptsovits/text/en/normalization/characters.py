"""Characters: compatibility forms, quotation marks, dashes and letters that ASCII lacks."""

import re
import unicodedata

_BEFORE_FOLDING = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛ʼ`´′＇", "'"),
        **dict.fromkeys("“”„‟«»″＂", '"'),
        **dict.fromkeys("‐‑⁃﹣－", "-"),
        **dict.fromkeys("‒–−", "–"),  # between numbers this one means "to", alone it is a dash or a minus
        **dict.fromkeys("—―⸺⸻", "—"),
        **dict.fromkeys("。｡", ". "),
        **dict.fromkeys("，、､", ", "),
        "…": "...",
        "™": "",
        "®": "",
        "©": "",
        "℠": "",
        "²": "^2",
        "³": "^3",
        "¹": "^1",
        "⁴": "^4",
        "⁵": "^5",
        "⁶": "^6",
        "⁷": "^7",
        "⁸": "^8",
        "⁹": "^9",
        "ⁿ": "^n",
        "№": "No. ",
        "µ": "μ",
        "\u00ad": "",  # soft hyphen
    }
)
_LETTERS = str.maketrans(
    {
        "ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L",
        "đ": "d", "Đ": "D", "ð": "th", "Ð": "Th", "þ": "th", "Þ": "Th", "ı": "i", "ħ": "h",
    }
)  # fmt: skip
_VULGAR = re.compile(r"(\d?)([¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])")
_NOT_WRITTEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Mn", "Me"}
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "θ": "theta", "λ": "lambda",
    "π": "pi", "σ": "sigma", "τ": "tau", "φ": "phi", "ω": "omega", "Δ": "delta", "Σ": "sigma", "Ω": "ohm",
}  # fmt: skip
_GREEK_LETTER = re.compile(rf"(?<![Ͱ-Ͽ])[{''.join(_GREEK)}](?![Ͱ-Ͽ])")

# Runs are cut short here, so that no later pass can be slow on them.
_SPACES = re.compile(r" {2,}")
_RUN = re.compile(r"([^\w ])\1{3,}")


def fold(text: str) -> str:
    """Plain characters for compatibility forms (`２` → 2, `ﬁ` → fi, `½` → 1/2, `é` → e), no controls."""
    text = text.translate(_BEFORE_FOLDING)
    text = _VULGAR.sub(_vulgar, text)
    text = unicodedata.normalize("NFKD", text).translate(_LETTERS)
    text = "".join(" " if c.isspace() else c for c in text if c.isspace() or not _is_unwritten(c))
    text = _RUN.sub(r"\1\1\1", _SPACES.sub(" ", text))
    return _GREEK_LETTER.sub(lambda match: f" {_GREEK[match[0]]} ", text)


def _is_unwritten(character: str) -> bool:
    return unicodedata.category(character) in _NOT_WRITTEN


def _vulgar(match: re.Match[str]) -> str:
    plain = unicodedata.normalize("NFKC", match[2]).replace("\u2044", "/")
    return f"{match[1]} {plain}" if match[1] else plain
