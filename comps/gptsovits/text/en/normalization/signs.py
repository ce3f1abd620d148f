"""Signs that are said as words, and what is left of punctuation."""

import re

_SPOKEN = (
    (re.compile(r"(?<!\w)#(?=[A-Za-z])"), "hashtag "),
    (re.compile(r"\b[Cc]\+\+"), "C plus plus"),
    (re.compile(r"\b([CFJ])#"), r"\1 sharp"),
    (re.compile(r"(?<=[A-Za-z])\+\+"), " plus plus"),
    (re.compile(r"(?<=[A-Za-z])\+(?!\w)"), " plus"),
    (re.compile(r"(?<!\w)[.](NET|net)\b"), "dot net"),
    (re.compile(r"(?<=\w)\s?%"), " percent "),
    (re.compile(r"\b([A-Z])([A-Z]?)&([A-Z])\b"), r"\1 \2 and \3"),
    (re.compile(r"&(amp;)?"), " and "),
    (re.compile(r"@"), " at "),
    (re.compile(r"\s~\s?(?=\w)|^~(?=\w)"), " about "),
    (re.compile(r"±"), " plus or minus "),
    (re.compile(r"°"), " degrees "),
    (re.compile(r"§"), " section "),
    (re.compile(r"\s=\s"), " equals "),
    (re.compile(r"\s\+\s"), " plus "),
    (re.compile(r"≈"), " about "),
    (re.compile(r"×"), " times "),
    (re.compile(r"÷"), " divided by "),
    (re.compile(r"\$"), " dollars "),
    (re.compile(r"€"), " euros "),
    (re.compile(r"£"), " pounds "),
    (re.compile(r"\band/or\b"), "and or"),
    (re.compile(r"\bs/he\b"), "she or he"),
    (re.compile(r"\b(he|she|his|him|her)/(he|she|his|her|hers|him)\b", re.IGNORECASE), r"\1 or \2"),
    (re.compile(r"(?<=[A-Za-z])/(?=[A-Za-z])"), " slash "),
)
_PAUSES = re.compile(
    r"\s*[;:()\[\]{}—|•·‣]+\s*|\s+(?:[-–]+)\s+|\s*--+\s*|(?<=\w)–(?=\w)|\s*\.{2,}(?=\s*[a-z])"
)
_NOT_SPOKEN = re.compile(r"[^ A-Za-z'.,?!-]+")
_LONE_MARKS = re.compile(r"(?<![A-Za-z])[-']+(?![A-Za-z])|(?<![A-Za-z])-+|-+(?![A-Za-z])")
_LOOSE_QUOTES = re.compile(
    r"(?<![A-Za-z])'(?!(?:em|til|cause|tis|twas|n|round|bout|cuz)\b)|(?<![A-Za-z])'(?= )"
)
_QUOTED_END = re.compile(r"(?<![sSzZxX])'(?![A-Za-z])")
_SPACE_BEFORE_MARK = re.compile(r" +(?=[,.?!])")
_MARKS = re.compile(r"[,.?!](?:[ ,.?!]*[,.?!])?")
_SPACES = re.compile(r" {2,}")
_NO_SPACE_AFTER = re.compile(r"([,.?!])(?=[A-Za-z])")


def speak_signs(text: str) -> str:
    """ "dog & bird" → "dog and bird", "C++" → "C plus plus"."""
    for pattern, said in _SPOKEN:
        text = pattern.sub(said, text)
    return text


def tidy_punctuation(text: str) -> str:
    """Letters, spaces and `' - . , ? !` only, marks single; brackets, dashes and colons become commas."""
    text = _PAUSES.sub(", ", text)
    text = _NOT_SPOKEN.sub(" ", text)
    text = _LONE_MARKS.sub(" ", text)
    text = _LOOSE_QUOTES.sub("", text)
    text = _QUOTED_END.sub("", text)
    text = _SPACE_BEFORE_MARK.sub("", text)
    text = _MARKS.sub(_strongest, text)
    text = _NO_SPACE_AFTER.sub(r"\1 ", text)
    return _SPACES.sub(" ", text).strip()


def _strongest(match: re.Match[str]) -> str:
    marks = match[0]
    return next(mark for mark in "?!.," if mark in marks)
