"""What kinds of things Unicode's subgroups of emoji hold, in the words that people ask with.

Unicode files an airplane under "transport-air", and no keyword of it says that it is a vehicle, or
of a pear that one eats it. These are our words, not Unicode's; a subgroup that is not here is
called by its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_BY_SUBGROUP: Final[Mapping[str, tuple[str, ...]]] = {
    # === Smileys & Emotion ===
    "face-smiling": ("smiley", "face", "smiling"),
    "face-affection": ("smiley", "face", "affection", "love"),
    "face-tongue": ("smiley", "face", "tongue"),
    "face-hand": ("smiley", "face", "hand"),
    "face-neutral-skeptical": ("smiley", "face", "neutral", "skeptical"),
    "face-sleepy": ("smiley", "face", "sleepy"),
    "face-unwell": ("smiley", "face", "unwell", "sick"),
    "face-hat": ("smiley", "face", "hat"),
    "face-glasses": ("smiley", "face", "glasses"),
    "face-concerned": ("smiley", "face", "concerned", "worried"),
    "face-negative": ("smiley", "face", "negative", "angry"),
    "face-costume": ("smiley", "face", "costume", "creature"),
    "cat-face": ("cat", "face", "animal"),
    "monkey-face": ("monkey", "face", "animal"),
    "heart": ("heart", "love", "symbol"),
    "emotion": ("emotion", "symbol"),
    # === People & Body ===
    "hand-fingers-open": ("hand", "gesture", "fingers"),
    "hand-fingers-partial": ("hand", "gesture", "fingers"),
    "hand-single-finger": ("hand", "gesture", "finger"),
    "hand-fingers-closed": ("hand", "gesture", "fist"),
    "hands": ("hands", "gesture"),
    "hand-prop": ("hand",),
    "body-parts": ("body part",),
    "person": ("person", "people"),
    "person-gesture": ("person", "people", "gesture"),
    "person-role": ("person", "people", "job", "profession"),
    "person-fantasy": ("person", "fantasy", "fairy tale"),
    "person-activity": ("person", "people", "activity"),
    "person-sport": ("person", "people", "sport"),
    "person-resting": ("person", "people", "resting"),
    "family": ("people", "family", "couple"),
    "person-symbol": ("people", "symbol"),
    # === Animals & Nature ===
    "animal-mammal": ("animal", "mammal"),
    "animal-bird": ("animal", "bird", "fly"),
    "animal-amphibian": ("animal", "amphibian"),
    "animal-reptile": ("animal", "reptile"),
    "animal-marine": ("animal", "sea", "water", "swim"),
    "animal-bug": ("animal", "insect", "bug"),
    "plant-flower": ("plant", "flower", "nature"),
    "plant-other": ("plant", "nature"),
    # === Food & Drink ===
    "food-fruit": ("food", "eat", "fruit"),
    "food-vegetable": ("food", "eat", "vegetable"),
    "food-prepared": ("food", "eat", "meal", "dish"),
    "food-asian": ("food", "eat", "meal", "dish", "asian"),
    "food-sweet": ("food", "eat", "sweet", "dessert"),
    "drink": ("drink", "beverage"),
    "dishware": ("tableware", "kitchen"),
    # === Travel & Places ===
    "place-map": ("map", "place"),
    "place-geographic": ("place", "landscape", "nature"),
    "place-building": ("place", "building"),
    "place-religious": ("place", "building", "religion"),
    "place-other": ("place", "view"),
    "transport-ground": ("vehicle", "transport", "travel", "drive"),
    "transport-water": ("vehicle", "transport", "travel", "water", "boat"),
    "transport-air": ("vehicle", "transport", "travel", "fly", "aircraft"),
    "hotel": ("hotel", "travel"),
    "time": ("time", "clock"),
    "sky & weather": ("sky", "weather"),
    # === Activities ===
    "event": ("event", "celebration"),
    "award-medal": ("award", "prize"),
    "sport": ("sport", "play"),
    "game": ("game", "play", "toy"),
    "arts & crafts": ("art", "craft"),
    # === Objects ===
    "clothing": ("clothing", "clothes", "wear"),
    "sound": ("sound",),
    "music": ("music", "sound"),
    "musical-instrument": ("music", "musical instrument"),
    "phone": ("phone", "device"),
    "computer": ("computer", "device"),
    "light & video": ("light", "video"),
    "book-paper": ("book", "paper", "read"),
    "money": ("money",),
    "mail": ("mail",),
    "writing": ("writing", "write"),
    "office": ("office", "work"),
    "lock": ("lock",),
    "tool": ("tool",),
    "science": ("science",),
    "medical": ("medical", "medicine"),
    "household": ("household", "home"),
    # === Symbols ===
    "transport-sign": ("sign", "symbol", "travel"),
    "warning": ("sign", "symbol", "warning"),
    "arrow": ("arrow", "symbol", "direction"),
    "religion": ("symbol", "religion"),
    "zodiac": ("symbol", "zodiac", "horoscope"),
    "av-symbol": ("symbol", "button", "player"),
    "gender": ("symbol", "gender"),
    "math": ("symbol", "math"),
    "punctuation": ("symbol", "punctuation"),
    "currency": ("symbol", "money"),
    "keycap": ("symbol", "key", "number"),
    "alphanum": ("symbol", "button", "letter"),
    "geometric": ("symbol", "shape"),
    "other-symbol": ("symbol",),
    # === Flags ===
    "flag": ("flag",),
    "country-flag": ("flag", "country"),
    "subdivision-flag": ("flag", "region"),
}

_ON_THE_WAY: Final = ("transport", "travel")
_AMONG_VEHICLES: Final = (
    *("station", "bus stop", "motorway", "railway track", "wheel", "fuel pump", "oil drum"),
    *("construction", "stop sign", "horizontal traffic light", "vertical traffic light"),
    *("police car light", "anchor", "ring buoy", "seat", "parachute"),
)
"""Filed there, and none."""
_ON_A_ROPE: Final = ("suspension railway", "mountain cableway", "aerial tramway")
"""Filed among what flies, and hangs."""

_BY_NAME: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(_AMONG_VEHICLES, _ON_THE_WAY),
    **dict.fromkeys(_ON_A_ROPE, ("vehicle", *_ON_THE_WAY)),
    "satellite": ("space", "technology"),
}


def kinds_of(name: str, subgroup: str) -> tuple[str, ...]:
    """What kinds of thing an emoji is, in small letters, by its name and Unicode's subgroup."""
    own = (subgroup.replace("-", " ").lower(),)
    return _BY_NAME.get(name) or _BY_SUBGROUP.get(subgroup, own)
