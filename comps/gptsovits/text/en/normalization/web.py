"""Addresses of the web and of e-mail, and names with a dot in them."""

import re

from comps.gptsovits.text.en.numbers import cardinal, digits

_WORDS_OF_ADDRESSES = {"www": "w w w", "com": "com", "org": "org", "net": "net", "edu": "E D U", "gov": "gov"}
_TOP_LEVEL = (
    "com|org|net|edu|gov|info|biz|io|ai|dev|app|me|tv|co|uk|us|eu|de|fr|jp|cn|kr|hk|tw|in|au|ca|nz|ch|nl|it|es|se|"
    "no|pl|ru|br|xyz|tech|online|site|cloud|blog|shop"
)
_EXTENSIONS = (
    "txt|pdf|jpg|jpeg|png|gif|svg|mp3|mp4|wav|flac|zip|exe|py|js|ts|css|html|htm|json|xml|csv|doc|docx|xls|xlsx|ppt|"
    "pptx|md|sh|yaml|yml|toml|cpp|rs|go|java|net"
)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_START = r"(?<![A-Za-z0-9@._/-])"
_MAIL = re.compile(rf"(?<![\w.+-])([A-Za-z0-9][\w.+-]{{0,63}})@((?:{_LABEL}\.){{1,6}}[A-Za-z]{{2,24}})\b")
_URL = re.compile(
    rf"{_START}(?:(?:https?|ftp)://)((?:{_LABEL}\.){{0,6}}{_LABEL})(:\d{{1,5}})?(/[^\s<>\"]{{0,2000}})?",
    re.IGNORECASE,
)
_SITE = re.compile(
    rf"{_START}((?:{_LABEL}\.){{1,6}}(?:{_TOP_LEVEL}))\b(?!@)(:\d{{1,5}})?(/[^\s<>\"]{{0,2000}})?(?![A-Za-z0-9@])"
)
_FILE = re.compile(rf"{_START}([A-Za-z0-9][\w-]{{0,63}}|)\.({_EXTENSIONS})\b(?![A-Za-z0-9])")
_PIECE = re.compile(r"[A-Za-z]+|\d+|[^\sA-Za-z\d]")
_SIGNS = {
    ".": "dot", "-": "dash", "_": "underscore", "/": "slash", ":": "colon", "?": "question mark",
    "=": "equals",
    "&": "and", "#": "hash", "%": "percent", "+": "plus", "~": "tilde", "@": "at", ",": "comma", "!": "",
}  # fmt: skip
_ENDS_OF_SENTENCE = ".,;:!?)'\""


def speak_addresses(text: str) -> str:
    """ "test@example.com" → "test at example dot com"; links without their protocol."""
    text = _MAIL.sub(lambda match: f" {_spell(match[1])} at {_spell(match[2])} ", text)
    text = _URL.sub(_site, text)
    text = _SITE.sub(_site, text)
    return _FILE.sub(lambda match: f" {match[1]} dot {_extension(match[2])} ", text)


def _site(match: re.Match[str]) -> str:
    path = match[3] or ""
    bare = path.rstrip(_ENDS_OF_SENTENCE)
    rest = path[len(bare) :]
    return f" {_spell(match[1] + (match[2] or '') + bare.rstrip('/'))} {rest}"


def _spell(address: str) -> str:
    return " ".join(filter(None, map(_piece, _PIECE.findall(address))))


def _piece(piece: str) -> str:
    if piece[0].isdigit():
        return digits(piece) if len(piece) > 4 else cardinal(piece)
    if not piece.isalpha():
        return _SIGNS.get(piece, "")
    known = _WORDS_OF_ADDRESSES.get(piece.lower())
    if known is not None:
        return known
    # Country codes and such: two or three letters that make no word are spelled.
    return " ".join(piece.upper()) if len(piece) <= 2 or not re.search("[aeiouyAEIOUY]", piece) else piece


def _extension(extension: str) -> str:
    return extension if extension in {"zip", "net", "java", "go"} else " ".join(extension.upper())
