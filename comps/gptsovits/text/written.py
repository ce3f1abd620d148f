"""Money and units in Chinese, Japanese and Korean, where and how they are said: $5 → 5美元, 5kg → 5千克.

The front ends read what the official models were trained on, where these were lost or garbled.
"""

import re
from collections.abc import Mapping

_COLUMNS = {"zh": 0, "yue": 0, "ja": 1, "ko": 2}
_MONEY: Mapping[str, tuple[str, str, str]] = {
    "US$": ("美元", "米ドル", "미국 달러"),
    "HK$": ("港元", "香港ドル", "홍콩 달러"),
    "NT$": ("新台币", "台湾ドル", "대만 달러"),
    "$": ("美元", "ドル", "달러"),
    "＄": ("美元", "ドル", "달러"),
    "€": ("欧元", "ユーロ", "유로"),
    "£": ("英镑", "ポンド", "파운드"),
    "￡": ("英镑", "ポンド", "파운드"),
    "¥": ("元", "円", "엔"),
    "￥": ("元", "円", "엔"),
    "₩": ("韩元", "ウォン", "원"),
    "￦": ("韩元", "ウォン", "원"),
    "₹": ("卢比", "ルピー", "루피"),
    "₽": ("卢布", "ルーブル", "루블"),
    "฿": ("泰铢", "バーツ", "바트"),
}
_UNITS: Mapping[str, tuple[str, str, str]] = {
    "km/h": ("公里每小时", "キロメートル毎時", "킬로미터 매시"),
    "m/s": ("米每秒", "メートル毎秒", "미터 매초"),
    "km²": ("平方公里", "平方キロメートル", "제곱킬로미터"),
    "m²": ("平方米", "平方メートル", "제곱미터"),
    "m³": ("立方米", "立方メートル", "세제곱미터"),
    "km": ("千米", "キロメートル", "킬로미터"),
    "cm": ("厘米", "センチメートル", "센티미터"),
    "mm": ("毫米", "ミリメートル", "밀리미터"),
    "m": ("米", "メートル", "미터"),
    "kg": ("千克", "キログラム", "킬로그램"),
    "mg": ("毫克", "ミリグラム", "밀리그램"),
    "g": ("克", "グラム", "그램"),
    "ml": ("毫升", "ミリリットル", "밀리리터"),
    "mL": ("毫升", "ミリリットル", "밀리리터"),
    "L": ("升", "リットル", "리터"),
    "l": ("升", "リットル", "리터"),
    "kWh": ("千瓦时", "キロワット時", "킬로와트시"),
    "kW": ("千瓦", "キロワット", "킬로와트"),
    "W": ("瓦", "ワット", "와트"),
    "V": ("伏", "ボルト", "볼트"),
    "kHz": ("千赫", "キロヘルツ", "킬로헤르츠"),
    "MHz": ("兆赫", "メガヘルツ", "메가헤르츠"),
    "Hz": ("赫兹", "ヘルツ", "헤르츠"),
    "dB": ("分贝", "デシベル", "데시벨"),
    "℃": ("摄氏度", "度", "도"),
    "°C": ("摄氏度", "度", "도"),
    "℉": ("华氏度", "華氏度", "화씨도"),
    "°F": ("华氏度", "華氏度", "화씨도"),
    "%": ("", "パーセント", "퍼센트"),
    "％": ("", "パーセント", "퍼센트"),
}


def _any(words: Mapping[str, object]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_AMOUNT = r"\d{1,20}(?:,\d{3}){0,6}(?:\.\d{1,20})?"
_SIGN_FIRST = re.compile(rf"({_any(_MONEY)}) ?({_AMOUNT}) ?([万亿億千百兆만억조]{{0,2}})")
_SIGN_LAST = re.compile(rf"({_AMOUNT}[万亿億千百兆만억조]{{0,2}}) ?({_any(_MONEY)})(?!\d)")
_UNIT = re.compile(rf"(?<=\d) ?({_any(_UNITS)})(?![A-Za-z\d²³])")
_BEGUN_BY_LETTERS = {unit.rstrip("²³"): None for unit in _UNITS if unit[0].isalpha()}
UNIT_LETTERS = re.compile(_any(_BEGUN_BY_LETTERS))
"""The units that begin with a letter: after a number such a run of letters is no English."""


def spell_out(text: str, language: str) -> str:
    """The text with money and units as words of `zh`, `yue`, `ja` or `ko`; other texts unchanged."""
    column = _COLUMNS.get(language)
    if column is None:
        return text
    text = _SIGN_FIRST.sub(lambda m: m[2] + m[3] + _MONEY[m[1]][column], text)
    text = _SIGN_LAST.sub(lambda m: m[1] + _MONEY[m[2]][column], text)
    return _UNIT.sub(lambda m: _UNITS[m[1]][column] or m[0], text)
