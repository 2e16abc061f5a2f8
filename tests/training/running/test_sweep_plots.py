"""A sweep's figure: lines over one knob, a heat map over two, failures told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from training.recipe import KnobValue
from training.running.sweep_plots import save_sweep

NAN = float("nan")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures saved, to look into."""
    figures: list[Figure] = []
    save = Figure.savefig

    def noted(figure: Figure, *args: Any, **kwargs: Any) -> None:
        figures.append(figure)
        save(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", noted)
    return figures


def _save(folder: Path, values: Mapping[str, Sequence[KnobValue]], measured: Any) -> Path:
    path = folder / "sweep.png"
    save_sweep(path, values, np.array(measured), measure="accuracy", title="tiny")
    return path


def test_one_knob_is_a_line_through_the_means(drawn: list[Figure], tmp_path: Path) -> None:
    values = {"learning_rate": (1e-2, 1e-4, 1e-3)}
    assert _save(tmp_path, values, [[0.9, 0.8], [0.5, 0.7], [NAN, 0.4]]).stat().st_size > 5_000
    axes = drawn[0].axes[0]
    assert axes.get_xscale() == "log"
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_xdata(), float), [1e-4, 1e-3, 1e-2])
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_ydata(), float), [0.6, 0.4, 0.85])
    assert len(axes.lines) == 3  # and the points of each seed


def test_words_stand_side_by_side(drawn: list[Figure], tmp_path: Path) -> None:
    _save(tmp_path, {"optimizer": ("sgd", "adamw")}, [[0.9], [0.8]])
    axes = drawn[0].axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["sgd", "adamw"]


def test_two_knobs_are_a_map_with_numbers(drawn: list[Figure], tmp_path: Path) -> None:
    values = {"learning_rate": (1e-3, 3e-3), "batch_size": (32, 64, 128)}
    _save(tmp_path, values, [[[0.91], [0.92], [0.93]], [[0.94], [NAN], [0.96]]])
    axes = drawn[0].axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("batch size", "learning rate")
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["0.91", "0.92", "0.93", "0.94", "failed", "0.96"]
