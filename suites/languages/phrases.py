"""Short phrases in 64 languages, from the CLDR data that the `babel` package carries.

A phrase is the name of a territory, a language, a script, a currency, a unit, a city or a time zone. Only phrases that
exactly one of the languages uses are kept (a name that several languages share has no right answer), each once. All
names of one thing in one language (the singular and the plural of a currency) fall into the same split, which is drawn
from a hash of that thing: it never changes when other phrases come or go.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterator

import pyarrow as pa
from babel import localedata

_CODES = (
    "af am ar az be bg bn ca cs cy da de el en es et eu fa fi fr gu he hi hr hu hy id is it ja ka "
    "kk kn ko lt lv mk ml mn mr my ne nl no pa pl pt ro ru si sk sl sq sr sv sw ta te th tr uk ur vi zh"
)
LANGUAGES = tuple(_CODES.split())
"""Class i of the network is the i-th of these."""

SHARES = {"test": 0.20, "validation": 0.05, "train": 0.75}
"""Share of the things of each language in each split."""

_SCRIPTS = {"CJK": "Han or Kana", "HIRAGANA": "Han or Kana", "KATAKANA": "Han or Kana", "KATAKANA-HIRAGANA": "Han or Kana"}


def test() -> pa.Table:
    """Rows of the test split."""
    return _split("test")


def validation() -> pa.Table:
    """Rows of the validation split; training stops on them."""
    return _split("validation")


def train() -> pa.Table:
    """Rows of the training split."""
    return _split("train")


def _split(name: str) -> pa.Table:
    rows = [row for row in _rows() if row["split"] == name]
    return pa.Table.from_pylist([{key: value for key, value in row.items() if key != "split"} for row in rows])


def _rows() -> list[dict[str, str]]:
    """One row per phrase, in order of id: id, text, language, script, kind, split."""
    found: dict[str, dict[str, str]] = {}
    users: dict[str, set[str]] = {}
    for language in LANGUAGES:
        for kind, code, text in _names(language):
            key = text.casefold()
            users.setdefault(key, set()).add(language)
            found.setdefault(
                key,
                {
                    "id": hashlib.sha256(f"{language}\0{text}".encode()).hexdigest()[:16],
                    "text": text,
                    "language": language,
                    "script": script(text),
                    "kind": kind,
                    "split": _draw(f"{language}/{kind}/{code}"),
                },
            )
    return sorted((row for key, row in found.items() if len(users[key]) == 1), key=lambda row: row["id"])


def _names(language: str) -> Iterator[tuple[str, str, str]]:
    """(kind, code, phrase) of everything CLDR names in the language itself, nothing inherited."""
    data = localedata.load(language, merge_inherited=False)
    for kind, code, text in _raw_names(data):
        phrase = unicodedata.normalize("NFC", " ".join(text.split()))
        if sum(character.isalpha() for character in phrase) >= 2:
            yield kind, code, phrase


def _raw_names(data: dict) -> Iterator[tuple[str, str, str]]:
    for kind, key in (("territory", "territories"), ("language", "languages"), ("script", "scripts"), ("currency", "currency_names")):
        for code, text in data.get(key, {}).items():
            yield kind, code, text
    for code, forms in data.get("currency_names_plural", {}).items():
        for text in forms.values():
            yield "currency", code, text
    for code, lengths in data.get("unit_display_names", {}).items():
        if "long" in lengths:
            yield "unit", code, lengths["long"]
    for code, zone in data.get("time_zones", {}).items():
        if "city" in zone:
            yield "city", code, zone["city"]
    for code, zone in data.get("meta_zones", {}).items():
        for text in zone.get("long", {}).values():
            yield "time zone", code, text


def script(text: str) -> str:
    """Script of most of the letters of a phrase, by the first word of their Unicode names; of equals the first."""
    words = Counter(unicodedata.name(character, "OTHER").split()[0] for character in text if character.isalpha())
    word = words.most_common(1)[0][0]
    return _SCRIPTS.get(word, word.capitalize())


def _draw(thing: str) -> str:
    point = int.from_bytes(hashlib.sha256(thing.encode()).digest()[:8]) / 2**64
    for name, share in SHARES.items():
        point -= share
        if point < 0:
            return name
    return "train"
