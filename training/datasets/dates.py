"""Dates as people write them, in four languages and in numbers, and as ISO 8601 does.

    le mercredi 3 mars 2021 → 2021-03-03        Mar 3rd, 2021 → 2021-03-03
    3. März 2021            → 2021-03-03        3/3/21        → 2021-03-03
    3 de marzo de 2021      → 2021-03-03        mars 2021     → 2021-03

60,000 pairs to learn from and 5,000 to test with, made here, the same every time. Days run from
1900-01-01 to 2099-12-31; a tenth of all days and of all months is set apart, and the test set is
made of these alone: no test date is ever learnt from, in whatever form.

Numbers between slashes, points or dashes are day, month, year, or year, month, day where the year
has four digits: the American month/day/year cannot be told from them. Years of two digits are of
1969–2068, as POSIX reads them.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from training.datasets._pairs import PairDataset, Pairs
from training.text.vocabulary import Vocabulary

TRAIN: Final = 60_000
TEST: Final = 5_000
SEED: Final = 8601

_FIRST: Final = datetime.date(1900, 1, 1)
_LAST: Final = datetime.date(2099, 12, 31)
_SHORT_YEARS: Final = range(1969, 2069)

_WITHHELD: Final = 0.1
"""The share of days, and of months, that only the test set knows."""
_MONTHS_ALONE: Final = 0.1
"""The share of pairs without a day."""
_LOWER, _UPPER = 0.2, 0.1
"""The shares of sources in small letters and in capitals."""

_MONTHS: Final = {
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "es": "enero febrero marzo abril mayo junio"
    " julio agosto septiembre octubre noviembre diciembre",
}
_WEEKDAYS: Final = {
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "de": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
    "es": "lunes martes miércoles jueves viernes sábado domingo",
}

_DAYS_WRITTEN: Final[Mapping[str, Sequence[str]]] = {
    "fr": (
        "{nth} {month} {year}",
        "le {nth} {month} {year}",
        "{weekday} {nth} {month} {year}",
        "le {weekday} {nth} {month} {year}",
    ),
    "en": (
        "{month} {d}, {year}",
        "{d} {month} {year}",
        "{month} {nth}, {year}",
        "the {nth} of {month} {year}",
        "{short} {d}, {year}",
        "{short} {nth}, {year}",
        "{d} {short} {year}",
        "{weekday}, {month} {d}, {year}",
    ),
    "de": ("{d}. {month} {year}", "den {d}. {month} {year}", "{weekday}, {d}. {month} {year}"),
    "es": ("{d} de {month} de {year}", "{weekday}, {d} de {month} de {year}"),
    "numbers": (
        "{d}/{m}/{year}",
        "{d:02}/{m:02}/{year}",
        "{d:02}.{m:02}.{year}",
        "{d}.{m}.{year}",
        "{d:02}-{m:02}-{year}",
        "{year}/{m:02}/{d:02}",
        "{year}-{m:02}-{d:02}",
        "{d}/{m}/{yy:02}",
        "{d:02}/{m:02}/{yy:02}",
        "{d:02}.{m:02}.{yy:02}",
    ),
}
_MONTHS_WRITTEN: Final[Mapping[str, Sequence[str]]] = {
    "fr": ("{month} {year}", "en {month} {year}"),
    "en": ("{month} {year}", "{short} {year}"),
    "de": ("{month} {year}", "im {month} {year}"),
    "es": ("{month} de {year}",),
    "numbers": ("{m}/{year}", "{m:02}/{year}", "{year}-{m:02}"),
}

EXAMPLES: Final = (
    "le mercredi 3 mars 2021",
    "14 juillet 1989",
    "1er août 2000",
    "March 3rd, 2021",
    "Thursday, February 29, 1968",
    "3. Oktober 1990",
    "12 de octubre de 1992",
    "31/12/99",
    "5.4.2076",
    "1969-07-20",
    "DÉCEMBRE 1945",
    "Sep 2034",
)
"""Dates of our own choice, one in every manner."""


def load() -> PairDataset:
    """Make the pairs, in a few seconds."""
    source = random.Random(SEED)
    days, test_days = _parted(list(_days()), source)
    months, test_months = _parted(sorted({day.replace(day=1) for day in _days()}), source)
    train = _pairs(TRAIN, days, months, source)
    test = _pairs(TEST, test_days, test_months, source)
    vocabulary = Vocabulary.of([*train.sources, *train.targets])
    return PairDataset(train, test, vocabulary, EXAMPLES)


def write(day: datetime.date, style: str, pattern: str) -> str:
    """A date in one of the ways of writing it: a language, or `numbers`, and its pattern."""
    names: dict[str, object] = {}
    if style in _MONTHS:
        month = _MONTHS[style].split()[day.month - 1]
        weekday = _WEEKDAYS[style].split()[day.weekday()]
        names = {"month": month, "short": month[:3], "weekday": weekday, "nth": _nth(day, style)}
    return pattern.format(d=day.day, m=day.month, year=day.year, yy=day.year % 100, **names)


def _days() -> Iterator[datetime.date]:
    for ordinal in range(_FIRST.toordinal(), _LAST.toordinal() + 1):
        yield datetime.date.fromordinal(ordinal)


def _parted(
    dates: list[datetime.date], source: random.Random
) -> tuple[list[datetime.date], list[datetime.date]]:
    """(to learn from, to test with)"""
    source.shuffle(dates)
    withheld = round(_WITHHELD * len(dates))
    return dates[withheld:], dates[:withheld]


def _pairs(
    count: int,
    days: Sequence[datetime.date],
    months: Sequence[datetime.date],
    source: random.Random,
) -> Pairs:
    ways_of_days, ways_of_months = (
        [(style, pattern) for style, patterns in table.items() for pattern in patterns]
        for table in (_DAYS_WRITTEN, _MONTHS_WRITTEN)
    )
    sources, targets = [], []
    for _ in range(count):
        is_month = source.random() < _MONTHS_ALONE
        day = source.choice(months if is_month else days)
        sources.append(_written(day, ways_of_months if is_month else ways_of_days, source))
        targets.append(day.isoformat()[: 7 if is_month else 10])
    return Pairs(tuple(sources), tuple(targets))


def _written(day: datetime.date, ways: Sequence[tuple[str, str]], source: random.Random) -> str:
    """A date in any of the ways of writing it, each equally often."""
    style, pattern = source.choice(ways)
    while "{yy" in pattern and day.year not in _SHORT_YEARS:
        style, pattern = source.choice(ways)
    text = write(day, style, pattern)
    letters = source.random()
    if letters < _LOWER:
        return text.lower()
    return text.upper() if letters < _LOWER + _UPPER else text


def _nth(day: datetime.date, language: str) -> str:
    if language == "fr":
        return "1er" if day.day == 1 else str(day.day)
    ending = (
        "th" if day.day in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    )
    return f"{day.day}{ending}"
