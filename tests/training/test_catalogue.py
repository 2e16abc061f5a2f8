"""Names find their modules; names that do not exist are answered with those that do."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys

import pytest

from service.manifest import Manifest
from tests import ROOT
from tests.test_models import EXPORTS
from training import catalogue
from training.errors import UsageError
from training.recipe import Recipe


def test_there_are_recipes_architectures_and_data_sets() -> None:
    assert {"mnist-lenet5", "mnist-mlp"} <= set(catalogue.names("recipe"))
    assert {"lenet5", "mlp"} <= set(catalogue.names("architecture"))
    assert "mnist" in catalogue.names("dataset")


@pytest.mark.parametrize("name", catalogue.names("recipe"))
def test_a_recipe_is_named_like_its_module_and_names_modules_that_exist(name: str) -> None:
    recipe: Recipe = catalogue.get("recipe", name)
    assert recipe.name == name
    assert recipe.architecture.replace("_", "-") in catalogue.names("architecture")
    assert recipe.dataset.replace("_", "-") in catalogue.names("dataset")


@pytest.mark.parametrize("name", catalogue.names("recipe"))
def test_a_recipe_states_what_was_measured_and_how(name: str) -> None:
    module = importlib.import_module(f"training.recipes.{name.replace('-', '_')}")
    text = " ".join((module.__doc__ or "").split())
    assert f"python -m training train {name}" in text
    if "Not run to its end yet" in text:
        assert not (ROOT / "models" / name).exists()
        return
    assert re.search(r"Measured on the test set: .*\d.*(mean of 3 seeds|seed 1)", text)
    assert re.search(r"\d minutes", text)


@pytest.mark.parametrize("name", [export.parent.name for export in EXPORTS])
def test_what_a_recipe_states_is_what_its_export_promises(name: str) -> None:
    module = importlib.import_module(f"training.recipes.{name.replace('-', '_')}")
    metrics = Manifest.read(ROOT / "models" / name / "1").metrics
    shares = (metrics[key] for key in ("test_accuracy", "test_exact_match") if key in metrics)
    for share in shares:
        assert f"{100 * share:.2f}" in (module.__doc__ or "")


@pytest.mark.parametrize("kind", catalogue.WORDS)
def test_everything_has_a_summary(kind: catalogue.Kind) -> None:
    assert all(len(catalogue.summary(kind, name)) > 10 for name in catalogue.names(kind))


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"'mnist-lenet', did you mean 'mnist-lenet5'\? known are"):
        catalogue.get("recipe", "mnist-lenet")


@pytest.mark.parametrize("name", catalogue.names("architecture"))
def test_the_variants_read_from_the_source_are_those_of_the_module(name: str) -> None:
    module = catalogue.module("architecture", name)
    assert catalogue.variants(name) == tuple(getattr(module, "VARIANTS", ()))


def test_recipes_do_not_import_tensorflow() -> None:
    code = (
        "import sys; from training import catalogue; "
        "[catalogue.get('recipe', name) for name in catalogue.names('recipe')]; "
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
