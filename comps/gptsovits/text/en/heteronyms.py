"""Words that are spelled alike and said apart: by part of speech, and by their neighbours where that errs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from comps.gptsovits.text.en.lexicon import DATA

Phones = tuple[str, ...]


@dataclass(frozen=True)
class ByTag:
    """`matching` when the part of speech begins with `tag`, else `otherwise`."""

    tag: str
    matching: Phones
    otherwise: Phones


@dataclass(frozen=True)
class Context:
    """A word among its neighbours; `before` and `after` are in lower case, "" beyond the ends."""

    word: str
    tag: str
    before: str
    after: str
    second_before: str
    second_after: str
    rest: Sequence[str]
    """What follows in the same sentence, in lower case."""
    second_after_tag: str


def _read_table() -> dict[str, ByTag]:
    lines = DATA.joinpath("heteronyms.txt").read_text(encoding="ascii").splitlines()
    rows = (line.split("|") for line in lines if not line.startswith("#"))
    return {word: ByTag(tag, tuple(a.split()), tuple(b.split())) for word, tag, a, b in rows}


TABLE: Mapping[str, ByTag] = _read_table()
# Rows of the table whose two readings are the wrong way round, or the same.
_SWAPPED = (
    "exploit",
    "exploits",
    "fragment",
    "imprint",
    "misconduct",
    "object",
    "rebel",
    "segment",
    "subcontract",
    "torment",
)
_CORRECTED: Mapping[str, ByTag] = {
    **{word: ByTag("V", TABLE[word].otherwise, TABLE[word].matching) for word in _SWAPPED},
    **{
        word: ByTag("V", tuple(verb.split()), tuple(other.split()))
        for word, verb, other in (
            ("accents", "AH0 K S EH1 N T S", "AE1 K S EH0 N T S"),
            ("inverse", "IH2 N V ER1 S", "IH2 N V ER1 S"),
            ("mandate", "M AE1 N D EY2 T", "M AE1 N D EY2 T"),
            ("processes", "P R AA1 S EH0 S AH0 Z", "P R AA1 S EH0 S AH0 Z"),
            ("quadruple", "K W AA0 D R UW1 P AH0 L", "K W AA0 D R UW1 P AH0 L"),
        )
    },
}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BEFORE_VERB = _words(
    "will would can could should shall may might must don't doesn't didn't won't can't cannot couldn't "
    "wouldn't shouldn't i you we they please let's who to'd i'll you'll we'll they'll he'll she'll it'll "
    "i'd we'd they'd you'd"
)
_DETERMINERS = _words("a an the my your our their its every each no another some any")
_OBJECTS = _DETERMINERS | _words("his her this that these those it them us me him all both")
_BE = _words(
    "am is are was were be been being isn't aren't wasn't weren't i'm you're we're they're he's she's it's "
    "get got"
)
_HAVE = _words("have has had having haven't hasn't hadn't i've you've we've they've he's she's i'd who've")
_BETWEEN = _words("already never not ever just also always you i they we")
_PAST = _words("yesterday ago earlier before once previously")


def pronounce_heteronym(tokens: Sequence[str], tags: Sequence[str], index: int) -> Phones | None:
    """The phones of the word at `index` if it is a heteronym, else None."""
    word = tokens[index].lower()
    rule, entry = _RULES.get(word), _CORRECTED.get(word) or TABLE.get(word)
    if rule is None and entry is None:
        return None
    context = _context(tokens, tags, index)
    if rule is not None:
        return tuple(rule(context).split())
    assert entry is not None
    if entry.tag != "V":
        return entry.matching if context.tag.startswith(entry.tag) else entry.otherwise
    return entry.matching if _is_verb(context) else entry.otherwise


def _context(tokens: Sequence[str], tags: Sequence[str], index: int) -> Context:
    def at(position: int) -> str:
        return tokens[position].lower() if 0 <= position < len(tokens) else ""

    end = index + 1
    while end < min(len(tokens), index + 25) and tokens[end] not in (".", "?", "!"):
        end += 1
    return Context(
        word=tokens[index],
        tag=tags[index],
        before=at(index - 1),
        after=at(index + 1),
        second_before=at(index - 2),
        second_after=at(index + 2),
        rest=[token.lower() for token in tokens[index + 1 : end]],
        second_after_tag=tags[index + 2] if index + 2 < len(tokens) else "",
    )


def _is_verb(context: Context) -> bool:
    """By the tag, unless the neighbours leave no choice."""
    plural = context.word.lower().endswith("s")
    if context.before in _DETERMINERS:
        return False
    if not plural and (context.before in _BEFORE_VERB or (context.before == "to" and context.tag != "NN")):
        return True
    begins = context.before in ("", ".", "!", "?", "please") or (
        context.before == "and" and context.tag == "VB"
    )
    if begins and not plural and context.after in _OBJECTS:
        return True
    return context.tag.startswith("V")


def _read(context: Context) -> str:
    present, past = "R IY1 D", "R EH1 D"
    if context.before in _HAVE:
        return past
    if context.second_before in _HAVE and context.before in _BETWEEN:
        return past
    if context.before in _BE - {"get", "got"} or (
        context.second_before in _BE and context.before.endswith("ly")
    ):
        return past
    if context.before in _BEFORE_VERB - _words("i you we they who") or context.before in (
        "to",
        "not",
        "and i'll",
    ):
        return present
    if context.before in ("he", "she", "it", "who") or context.tag in ("VBD", "VBN"):
        return past
    if context.before in ("i", "you", "we", "they") and _tells_past(context.rest):
        return past
    return present


def _tells_past(rest: Sequence[str]) -> bool:
    clause = rest[: rest.index(",")] if "," in rest else rest
    return any(word in _PAST for word in clause) or any(
        first in ("last", "that")
        and second in _words("night week month year summer winter spring fall time morning day")
        for first, second in pairwise(clause)
    )


def _used(context: Context) -> str:
    if context.after == "to" and not (context.before in _BE and context.second_after_tag == "VB"):
        return "Y UW1 S T"
    return "Y UW1 Z D"


def _use(context: Context) -> str:
    verb = _is_verb(context) or context.before in ("", ".", "!", "?", "and", "or", "please", "to", "not")
    noun = context.before in ("of", "in", "for", "no", "this", "that") or context.after == "of"
    return "Y UW1 Z" if verb and not noun else "Y UW1 S"


def _live(context: Context) -> str:
    alive, dwell = "L AY1 V", "L IH1 V"
    if context.before in _BEFORE_VERB or context.before in (
        "to",
        "and",
        "people",
        "not",
        "who",
        "still",
        "now",
        "let",
    ):
        return dwell
    if context.after in _words(
        "music show shows stream streams streaming broadcast concert performance audience band tv "
        "television coverage event events update updates chat wire animals animal bait action video album "
        "recording from session sessions"
    ) or context.before in _words(
        "broadcast streamed streaming recorded performed aired go goes going went watch performing a the"
    ):
        return alive
    return dwell if context.tag.startswith("V") else alive


def _lead(context: Context) -> str:
    metal = context.after in _words(
        "pipe pipes paint paints poisoning pencil pencils acid shot bullet bullets weights crystal "
        "exposure ore oxide contamination battery batteries glass shielding apron aprons balloon"
    )
    named = (
        context.before in ("of", "molten", "like")
        and context.tag.startswith("NN")
        and context.after not in ("guitar", "singer", "actor")
    )
    listed = context.after == "and" and context.second_after in _words(
        "zinc copper mercury silver tin cadmium arsenic iron"
    )
    weighed = context.before == "as" and context.second_before == "heavy"
    return "L EH1 D" if metal or named or listed or weighed else "L IY1 D"


def _tear(context: Context) -> str:
    rip, drop = "T EH1 R", "T IH1 R"
    if context.after in _words("gas duct ducts drop drops"):
        return drop
    if context.before == "and" and context.second_before == "wear":
        return rip
    if context.after in _words("apart down up off open into out it them through in") or context.before in (
        "muscle",
        "ligament",
    ):
        return rip
    return rip if _is_verb(context) else drop


def _bow(context: Context) -> str:
    weapon = context.after in ("and", "tie", "ties", "hunting") or context.before in (
        "violin",
        "cross",
        "long",
    )
    return "B OW1" if weapon and not context.tag.startswith("V") else "B AW1"


def _bass(context: Context) -> str:
    fish = _words("fishing fish lake river caught sea striped largemouth fillet boat")
    return (
        "B AE1 S"
        if {context.before, context.after, context.second_after, context.second_before} & fish
        else "B EY1 S"
    )


def _minute(context: Context) -> str:
    tiny = context.after in _words(
        "details detail amount amounts quantities particles differences changes traces"
    )
    return (
        "M AY0 N UW1 T" if tiny and context.before not in ("one", "a", "last", "every") else "M IH1 N AH0 T"
    )


def _close(context: Context) -> str:
    near = context.before in _BE | _words("so very too as how that really pretty quite")
    if not near and context.after in _OBJECTS and context.before not in _DETERMINERS:
        return "K L OW1 Z"
    return "K L OW1 Z" if _is_verb(context) and not near else "K L OW1 S"


def _polish(context: Context) -> str:
    nation = context.word[0].isupper() and (
        context.before not in ("", ".", "!", "?") or context.tag in ("JJ", "NNP")
    )
    return "P OW1 L IH0 SH" if nation else "P AA1 L IH0 SH"


def _by_verb(verb: str, other: str) -> Callable[[Context], str]:
    return lambda context: verb if _is_verb(context) else other


def _by_past(past: str, other: str) -> Callable[[Context], str]:
    return lambda context: (
        past if context.tag in ("VBD", "VBN") and context.before not in _DETERMINERS else other
    )


_RULES: Mapping[str, Callable[[Context], str]] = {
    "read": _read,
    "used": _used,
    "use": _use,
    "live": _live,
    "lives": _by_verb("L IH1 V Z", "L AY1 V Z"),
    "lead": _lead,
    "leads": lambda _: "L IY1 D Z",
    "wind": _by_verb("W AY1 N D", "W IH1 N D"),
    "winds": _by_verb("W AY1 N D Z", "W IH1 N D Z"),
    "tear": _tear,
    "tears": _by_verb("T EH1 R Z", "T IH1 R Z"),
    "bow": _bow,
    "bass": _bass,
    "close": _close,
    "complex": lambda c: "K AH0 M P L EH1 K S" if c.tag.startswith("JJ") else "K AA1 M P L EH0 K S",
    "dove": _by_past("D OW1 V", "D AH1 V"),
    "invalid": lambda c: "IH1 N V AH0 L AH0 D" if c.tag.startswith("NN") else "IH0 N V AE1 L AH0 D",
    "minute": _minute,
    "moped": _by_past("M OW1 P T", "M OW1 P EH2 D"),
    "polish": _polish,
    "sow": _by_verb("S OW1", "S AW1"),
    "wound": _by_past("W AW1 N D", "W UW1 N D"),
}
