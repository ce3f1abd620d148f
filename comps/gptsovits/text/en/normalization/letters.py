"""Capitals: which are spelled (F B I), which are words (NASA), which only shout."""

import re
from collections.abc import Container

_WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?")
_INNER_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_PLURAL = re.compile(r"([A-Z]{2,6})('?s)$")
_THE = re.compile(r"\b(the|The|a|an|our|their|your|my|his|her|its|in|of|from) $")

SAID_AS_WORDS = frozenset(
    "NASA NATO UNESCO UNICEF OPEC FIFA UEFA NASDAQ AIDS SARS COVID LASER RADAR SCUBA SONAR LIDAR PIN RAM "
    "ROM SIM GIF ASAP SWAT LAN WAN MAC CAD ZIP NIMBY POTUS FEMA OSHA DARPA CERN BAFTA EGOT RICO NIST JSTOR "
    "FAQ YOLO IKEA LEGO NIKE SAP UEFI BIOS CRISPR SOHO CAPTCHA WASP TED NAFTA ASEAN BRICS HAMAS INTERPOL "
    "BIC VISA MENSA SIDS HOMO BASIC "
    "COBOL FORTRAN LISP PASCAL JIRA SLURM CUDA LLAMA LORA BERT".split()
)
ALWAYS_SPELLED = frozenset(
    "AI IT UK USA EU UN TV PC CD DVD ID HR PR UI UX AR VR IQ EQ LA DC IBM HBO CNN BBC FBI CIA CEO CFO "
    "CTO USB URL PDF GPS FAQS DNA RNA SUV ATM NBA NFL MLB NHL GPU CPU API SDK LLM GPT TTS ASR NLP SQL "
    "PHP CSS HTML HTTP HTTPS XML OS IOS ETA ETD RSVP VIP AM PM MD JD BA MA AC EP CV QR IP PE GDP IMF "
    "WTO EV OK OCD ADHD MIT UCLA NYU DIY CO IO LGBT LGBTQ MRI CT ER ICU MS PS HD SD LED LCD OLED RPG "
    "NYC SF LOL OMG BTW FYI IMO TBA TBD".split()
)
# Words that are capitals only for emphasis, though they are short.
_EMPHASISED = frozenset(
    "A I NO NOT AND BUT THE YOU ARE ALL NOW YES DO DID HAS HAD WAS NEW OFF OUT ANY HOW WHY ONE TWO TOO OUR "
    "HIS HER SHE HE ME MY WE BE BY IF IN ON OF OR SO TO UP AT AS AN GO CAN MAY GET GOT LET SAY OWN PUT RUN "
    "SEE BIG BAD TOP HOT RED DAY WAY MAN OLD END TRY USE ITS FOR FUN IS THAT THIS STOP HELP WAIT VERY MUCH "
    "MORE MOST NEVER ALWAYS EVER ONLY JUST MUST WILL WONT DONT CANT GOOD WHAT WHEN WHO WHERE FREE SALE "
    "OPEN HEY WOW OH AH HA UH UM HI BYE NOPE YEP YEAH "
    "LOVE HATE KILL DIE BOY SIR MOM DAD GOD SEX WAR".split()
)


def read_capitals(text: str, dictionary: Container[str]) -> str:
    """ "the FBI and NASA" → "the F B I and NASA", "MacBook" → "Mac Book", "CEOs" → "C E O's".

    A text that is all capitals is read as words, known initials excepted.
    """
    shouted = _is_shouted(text)

    def read(match: re.Match[str]) -> str:
        return _read_word(
            match[0], dictionary, shouted=shouted, before=text[max(0, match.start() - 8) : match.start()]
        )

    return _WORD.sub(read, text)


def _is_shouted(text: str) -> bool:
    letters = sum(map(str.isalpha, text))
    capitals = sum(map(str.isupper, text))
    words = len(_WORD.findall(text, 0, 4000))
    return words >= 3 and letters >= 10 and capitals > 0.75 * letters


def _read_word(word: str, dictionary: Container[str], *, shouted: bool, before: str) -> str:
    if word.islower() or len(word) == 1:
        return word
    if (plural := _PLURAL.match(word)) and not shouted:
        stem, ending = plural.groups()
        if stem in SAID_AS_WORDS or (
            ending == "s" and word.lower() in dictionary and stem not in ALWAYS_SPELLED
        ):
            return word
        return " ".join(stem) + "'s"
    if word.isupper():
        if "'" in word and word.split("'")[0] in ALWAYS_SPELLED:
            stem = word.split("'")[0]
            return " ".join(stem) + word[len(stem) :].lower()
        return _capitals(word, dictionary, shouted=shouted, before=before)
    if word.lower() in dictionary or word.istitle():
        return word
    if word.endswith("'s"):
        return _read_word(word[:-2], dictionary, shouted=shouted, before=before) + "'s"
    return " ".join(_read_part(part, dictionary) for part in _INNER_CAPITAL.split(word))


def _read_part(part: str, dictionary: Container[str]) -> str:
    """A piece of a word like `iPhone`, `OpenAI`, `GPTs`: capitals in it are spelled."""
    if part.isupper() and len(part) > 1:
        return part if part in SAID_AS_WORDS else " ".join(part)
    return part.upper() if len(part) == 1 else part


def _capitals(word: str, dictionary: Container[str], *, shouted: bool, before: str) -> str:
    if word in SAID_AS_WORDS:
        return word
    known = word.lower() in dictionary
    if shouted:
        spelled = word in ALWAYS_SPELLED - {"IT", "AM", "LA", "ER", "MS", "MA", "CO", "ID"}
        return " ".join(word) if spelled or (len(word) <= 5 and not known) else word.lower()
    if word in ALWAYS_SPELLED:
        return " ".join(word)
    if word in ("US", "WHO"):
        return " ".join(word) if _THE.search(before) else word.lower() if word == "WHO" else "U S"
    if word in _EMPHASISED or (len(word) >= 4 and known):
        return word.lower()
    pronounceable = re.search("[AEIOUY]", word) and len(word) >= 5
    return word if pronounceable else " ".join(word)
