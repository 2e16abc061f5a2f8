"""A recipe refuses what it does not know, and says what it does."""

from __future__ import annotations

import pytest

from training.errors import UsageError
from training.recipe import Recipe, knobs

RECIPE = Recipe(name="tiny", description="", dataset="mnist", architecture="mlp")


def test_a_knob_is_turned_for_one_run() -> None:
    turned = RECIPE.override(epochs=3, learning_rate=0.5)
    assert (turned.epochs, turned.learning_rate) == (3, 0.5)
    assert RECIPE.epochs != 3
    assert turned.settings()["epochs"] == 3


def test_an_unknown_knob_is_refused_with_the_nearest_and_all_known() -> None:
    with pytest.raises(UsageError) as refused:
        RECIPE.override(epoch=3)
    message = str(refused.value)
    assert "'epoch', did you mean 'epochs'?" in message
    assert all(knob.name in message for knob in knobs(Recipe))


def test_what_the_recipe_is_about_is_no_knob() -> None:
    with pytest.raises(UsageError, match="unknown knob 'dataset'"):
        RECIPE.override(dataset="cifar10")


@pytest.mark.parametrize(
    ("knob", "value", "sentence"),
    [
        ("epochs", 0, "at least 1; got 0"),
        ("epochs", 1.5, "of type int; got 1.5"),
        ("epochs", "3", "of type int; got '3'"),
        ("epochs", True, "of type int; got True"),
        ("learning_rate", float("nan"), "at least 0; got nan"),
        ("validation_fraction", 0.95, "at most 0.9; got 0.95"),
        ("schedule", "cosin", "one of constant, cosine; got 'cosin'"),
    ],
)
def test_a_value_that_cannot_be_is_refused(knob: str, value: object, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        RECIPE.override(**{knob: value})  # type: ignore[arg-type] # that is the point


def test_a_name_must_be_a_folder_of_models() -> None:
    with pytest.raises(UsageError, match=r"got '\.\./x'"):
        Recipe(name="../x", description="", dataset="mnist", architecture="mlp")


def test_every_knob_has_a_help_text() -> None:
    assert len(knobs(Recipe)) > 10
    assert all(len(knob.help) > 5 for knob in knobs(Recipe))
