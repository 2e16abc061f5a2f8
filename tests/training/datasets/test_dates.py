"""Dates are written as people write them, and no test date is ever learnt from."""

from __future__ import annotations

import datetime

import pytest

from training.datasets import dates
from training.datasets._pairs import PairDataset


@pytest.fixture(scope="module")
def dataset() -> PairDataset:
    return dates.load()


def test_no_test_date_is_learnt_from(dataset: PairDataset) -> None:
    assert (len(dataset.train), len(dataset.test)) == (60_000, 5_000)
    assert not set(dataset.train.targets) & set(dataset.test.targets)


def test_every_source_has_one_meaning(dataset: PairDataset) -> None:
    meanings: dict[str, str] = {}
    for split in (dataset.train, dataset.test):
        for source, target in zip(split.sources, split.targets, strict=True):
            assert meanings.setdefault(source, target) == target


def test_targets_are_iso_8601(dataset: PairDataset) -> None:
    for target in dataset.test.targets:
        datetime.date.fromisoformat(target if len(target) == 10 else f"{target}-01")
    lengths = {len(target) for target in dataset.test.targets}
    assert lengths == {7, 10}


def test_it_is_the_same_every_time(dataset: PairDataset) -> None:
    assert dataset.train.sources[:2] == ("den 21. September 1960", "22 octobre 1925")


def test_all_of_the_test_sets_and_examples_characters_are_known(dataset: PairDataset) -> None:
    known = set(dataset.vocabulary.characters)
    for text in (*dataset.test.sources, *dataset.test.targets, *dataset.examples):
        assert set(text) <= known
    assert (dataset.source_length, dataset.target_length) == (35, 10)


@pytest.mark.parametrize(
    ("style", "pattern", "text"),
    [
        ("fr", "le {weekday} {nth} {month} {year}", "le mardi 1er août 2000"),
        ("en", "{weekday}, {month} {nth}, {year}", "Tuesday, August 1st, 2000"),
        ("en", "{short} {d}, {year}", "Aug 1, 2000"),
        ("de", "den {d}. {month} {year}", "den 1. August 2000"),
        ("es", "{d} de {month} de {year}", "1 de agosto de 2000"),
        ("numbers", "{d:02}.{m:02}.{yy:02}", "01.08.00"),
    ],
)
def test_a_date_is_written_as_its_pattern_says(style: str, pattern: str, text: str) -> None:
    assert dates.write(datetime.date(2000, 8, 1), style, pattern) == text


@pytest.mark.parametrize(
    ("day", "text"),
    [(2, "2nd"), (3, "3rd"), (11, "11th"), (13, "13th"), (21, "21st"), (30, "30th")],
)
def test_english_counts_days_so(day: int, text: str) -> None:
    assert dates.write(datetime.date(2000, 8, day), "en", "{nth}") == text
