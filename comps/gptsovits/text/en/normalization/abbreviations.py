"""Abbreviations, each as the word it stands for."""

import re

_TITLES = {
    "Mr": "Mister", "Mrs": "Missus", "Ms": "Miz", "Dr": "Doctor", "Prof": "Professor", "Rev": "Reverend",
    "Hon": "Honorable", "Gen": "General", "Col": "Colonel", "Maj": "Major", "Capt": "Captain",
    "Cpt": "Captain",
    "Lt": "Lieutenant", "Sgt": "Sergeant", "Cpl": "Corporal", "Gov": "Governor", "Sen": "Senator",
    "Rep": "Representative", "Pres": "President", "Fr": "Father", "Msgr": "Monsignor",
    "Supt": "Superintendent",
}  # fmt: skip
_PLACES = {
    "Ave": "Avenue", "Blvd": "Boulevard", "Rd": "Road", "Ln": "Lane", "Hwy": "Highway", "Pkwy": "Parkway",
    "Sq": "Square", "Ct": "Court", "Mt": "Mount", "Ft": "Fort", "Apt": "Apartment",
    "Ste": "Suite",
}  # fmt: skip
_FIRMS = {"Inc": "Incorporated", "Ltd": "Limited", "Corp": "Corporation", "Co": "Company", "Bros": "Brothers",
          "Assn": "Association", "Dept": "Department", "Univ": "University", "Jr": "Junior", "Sr": "Senior",
          "Esq": "Esquire"}  # fmt: skip
_OTHERS = {
    "vs": "versus", "etc": "et cetera", "approx": "approximately", "est": "established", "dept": "department",
    "govt": "government", "misc": "miscellaneous", "temp": "temperature", "incl": "including",
    "excl": "excluding",
    "max": "maximum", "avg": "average", "tel": "telephone", "ext": "extension", "assoc": "association",
    "cf": "compare", "viz": "namely", "ca": "circa", "aka": "also known as", "ed": "edition",
    "eds": "editors",
    "fig": "figure", "figs": "figures", "eq": "equation", "sec": "section", "ch": "chapter", "vol": "volume",
    "vols": "volumes", "p": "page", "pp": "pages", "pg": "page", "para": "paragraph", "ref": "reference",
    "al": "al",
    "wk": "week", "wks": "weeks", "mo": "month", "mos": "months", "yr": "year", "yrs": "years",
}  # fmt: skip
_NEED_A_NUMBER = frozenset(
    "fig figs eq sec ch vol vols p pp pg para ref ext ed wk wks mo mos yr yrs est temp".split()
)
_MONTHS = {
    "Jan": "January", "Feb": "February", "Mar": "March", "Apr": "April", "Jun": "June", "Jul": "July",
    "Aug": "August", "Sep": "September", "Sept": "September", "Oct": "October", "Nov": "November",
    "Dec": "December",
}  # fmt: skip
_DAYS = {
    "Mon": "Monday", "Tue": "Tuesday", "Tues": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday",
    "Thur": "Thursday",
    "Thurs": "Thursday", "Fri": "Friday", "Sat": "Saturday", "Sun": "Sunday",
}  # fmt: skip


def _any(words: dict[str, str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


_LATIN = re.compile(r"\b(i\. ?e|e\. ?g|i\.e|e\.g)\.?(,?)(?![A-Za-z])", re.IGNORECASE)
_SAINT = re.compile(r"\bSt\.? (?=[A-Z][a-z])")
_STREET = re.compile(
    r"(?<=[A-Za-z] )St\b\.?(?= *(?:[,.;!?]|$|[a-z]|[A-Z]{2}\b))|(?<=\d(?:st|nd|rd|th) )St\b\.?"
)
_DRIVE = re.compile(
    r"(?<=[a-z] )Dr\b\.?(?= *(?:[,;!?]|$))|(?<=[a-z] )Dr\.(?= (?:and|or|in|to|near|is|was|on|at)\b)"
)
_TITLE = re.compile(
    rf"\b({_any(_TITLES)})\.(?= ?[A-Z])|\b(Mrs|Mr|Ms|Dr|Prof)\b\.?(?= ?[A-Z])|\b(Mrs|Mr|Ms|Prof)\."
)
_PLACE = re.compile(rf"\b({_any(_PLACES)})\.(?=[ ,]|$)")
_FIRM = re.compile(rf"\b({_any(_FIRMS)})\.(?=(,?) *([a-z\d]?))")
_OTHER = re.compile(rf"\b({_any(_OTHERS)})\.(?=(,?) *([a-z\d]?))|\b(vs|etc|approx)\b(?!\.)", re.IGNORECASE)
_MONTH = re.compile(
    rf"\b({_any(_MONTHS)})\.?(?= ?\d)|(?<=\d )({_any(_MONTHS)})\b\.?|\b({_any(_MONTHS)})\.(?= )"
)
_LONG_MONTHS = "|".join(_MONTHS.values())
_DAY = re.compile(rf"\b({_any(_DAYS)})\.?(?=,? (?:\d|{_any(_MONTHS)}|{_LONG_MONTHS}))|\b(Tues|Thurs|Wed)\.")
_INCHES = re.compile(r"(?<=\d) in\.(?= ?[,;)]|$)")
_DAYS_RANGE = re.compile(rf"\b({_any(_DAYS)})\.? ?[–-] ?({_any(_DAYS)})\b(?:\.(?= [a-z]))?")
_NUMBER = re.compile(r"\b[Nn]os?\. ?(?=\d)")
_HALF_OF_DAY = re.compile(
    r"\b([ap])\. ?m\.(?= *([a-z\d]?))|\b([ap])\.m\b|(?<=\d)( ?)([ap]m|[AP]M)\b", re.IGNORECASE
)
_INITIALS = re.compile(
    r"\b(?:[A-Z]\. ?){1,8}"
    r"(?!(?:The|He|She|It|We|They|You|This|That|In|But|And|So|If|On|At|As|There|What|My|His|Her|I)\b)(?=[A-Z][a-z])"
)
_DOTTED = re.compile(r"\b((?:[A-Z]\.){2,10})(?= *([a-z\d]?))")
_DEGREE = re.compile(r"\b(?:Ph\.? ?D|M\.Sc|B\.Sc|M\.B\.A)(s?)\b(?:\.(?= ?[a-z,]))?")
_LOWER_DOTTED = re.compile(r"\b(?:[a-z]\.){2,6}(?= *([a-z\d]?))")
_WITH = re.compile(r"(?<![\w/])(w/o|w/)(?=\s?\w)", re.IGNORECASE)
_ERAS = re.compile(r"(?<=\d )(BCE|BC|CE|AD)\b|\b(AD|A\.D\.)(?= ?\d)|(?<=\d )(B\.C\.E?\.?|A\.D\.|C\.E\.)")

_IN_A_DATE = re.compile(rf" *(?:{'|'.join([*_MONTHS, *_DAYS])}|[A-Z]{{2,4}}\b)")


def expand_abbreviations(text: str) -> str:
    """ "Dr. Smith vs. St. Mary St., etc." → "Doctor Smith versus Saint Mary Street, et cetera." """
    text = _LATIN.sub(lambda m: ("that is" if m[1][0] in "iI" else "for example") + (m[2] or ","), text)
    text = _WITH.sub(lambda m: "without " if len(m[1]) == 3 else "with ", text)
    text = _DEGREE.sub(lambda m: re.sub(r"[^A-Z]", "", m[0].rstrip("s.").upper()) + m[1], text)
    text = _SAINT.sub("Saint ", text)
    text = _STREET.sub("Street", text)
    text = _DRIVE.sub("Drive", text)
    text = _TITLE.sub(lambda m: _TITLES[m[1] or m[2] or m[3]], text)
    text = _PLACE.sub(lambda m: _PLACES[m[1]], text)
    text = _FIRM.sub(lambda m: _FIRMS[m[1]] + _stop(text, m), text)
    text = _OTHER.sub(lambda m: _other(text, m), text)
    text = _NUMBER.sub("number ", text)
    text = _MONTH.sub(lambda m: _MONTHS[m[1] or m[2] or m[3]], text)
    text = _INCHES.sub(" inches", text)
    text = _DAYS_RANGE.sub(lambda m: f"{_DAYS[m[1]]} to {_DAYS[m[2]]}", text)
    text = _DAY.sub(lambda m: _DAYS[m[1] or m[2]], text)
    text = _ERAS.sub(lambda m: " ".join(re.sub(r"\W", "", m[0])) + " ", text)
    text = _HALF_OF_DAY.sub(lambda m: _half_of_day(text, m), text)
    text = _LOWER_DOTTED.sub(lambda m: " ".join(m[0].replace(".", "").upper()), text)
    text = re.sub(r"(?<=[AP] M) ?[–-] ?(?=\d)", " to ", text)
    text = _INITIALS.sub(lambda m: " ".join(re.sub(r"[^A-Z]", "", m[0])) + " ", text)
    end = len(text.rstrip())
    return _DOTTED.sub(lambda m: m[1].replace(".", "") + ("." if m.end() >= end else ""), text)


def _stop(text: str, match: re.Match[str]) -> str:
    """The abbreviation's point also ends the sentence when nothing follows, or a capital."""
    following = text[match.end() : match.end() + 2].lstrip()[:1]
    return "" if following and not following.isupper() else "."


def _other(text: str, match: re.Match[str]) -> str:
    short = (match[1] or match[4]).lower()
    if match[1] is not None and short in _NEED_A_NUMBER and not (match[3] or "").isdigit():
        return match[0]
    stop = _stop(text, match) if short == "etc" and match[1] is not None else ""
    return _OTHERS[short] + stop


def _half_of_day(text: str, match: re.Match[str]) -> str:
    letter = (match[1] or match[3] or match[5][0]).upper()
    stop = _stop(text, match) if match[1] is not None and not _IN_A_DATE.match(text, match.end()) else ""
    return f" {letter} M{stop}"
