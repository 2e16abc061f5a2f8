"""An export is measured from its SavedModel; what it promises holds, or is said not to."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from service.manifest import Manifest, manifest_path
from tests import ROOT
from training.errors import ExportError, UsageError
from training.running.evaluate import Measure, evaluate

MLP = ROOT / "models" / "mnist-mlp" / "1"

pytestmark = pytest.mark.usefixtures("datasets_dir")


def _copy(folder: Path, **changes: object) -> Path:
    """The committed perceptron with a manifest that says something else."""
    export = folder / "tiny" / "1"
    shutil.copytree(MLP, export)
    Manifest.read(MLP).model_copy(update=changes).write(export)
    return export


def test_the_measures_are_those_of_the_saved_model(datasets_dir: Path) -> None:
    measures = {each.name: each for each in evaluate(MLP)}
    assert set(measures) == {"test_accuracy", "test_loss"}
    accuracy = measures["test_accuracy"]
    with np.load(datasets_dir / "mnist.npz") as arrays:
        assert accuracy.num_examples == len(arrays["y_test"]) == 40
    assert accuracy.promised == Manifest.read(MLP).metrics["test_accuracy"]
    assert accuracy.measured < 0.5  # bars are no digits
    assert not accuracy.holds


def test_what_an_export_measures_holds_when_it_is_promised(tmp_path: Path) -> None:
    metrics = {each.name: each.measured for each in evaluate(MLP)}
    assert all(each.holds for each in evaluate(_copy(tmp_path, metrics=metrics)))


def test_an_export_of_no_recipe_is_measured_on_the_data_set_given(tmp_path: Path) -> None:
    export = _copy(tmp_path, provenance={}, metrics={})
    with pytest.raises(UsageError, match="tells no recipe: give --dataset"):
        evaluate(export)
    measures = evaluate(export, "mnist")
    assert [each.promised for each in measures] == [None, None]
    assert all(each.holds for each in measures)


def test_other_labels_than_the_data_set_has_are_refused(tmp_path: Path) -> None:
    manifest = Manifest.read(MLP)
    classify = manifest.signatures["classify"]
    scores = classify.outputs["probabilities"].model_copy(update={"shape": (None, 2)})
    other = classify.model_copy(update={"outputs": {"probabilities": scores}})
    export = _copy(tmp_path, labels=("a", "b"), signatures={"classify": other})
    with pytest.raises(ExportError, match="tells 2 classes apart; mnist has 10"):
        evaluate(export)


def test_what_is_no_export_is_named_with_what_may_be_meant(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"did you mean .*mnist-mlp/1\?"):
        evaluate(MLP.parent)
    with pytest.raises(ExportError, match="name one such as models/NAME/1"):
        evaluate(tmp_path / "nothing")
    export = _copy(tmp_path)
    manifest_path(export).write_text("{}")
    with pytest.raises(ExportError, match="cannot be read: signatures"):
        evaluate(export)


def test_a_broken_saved_model_is_one_sentence(tmp_path: Path) -> None:
    export = _copy(tmp_path)
    (export / "saved_model.pb").write_bytes(b"broken")
    with pytest.raises(ExportError, match="cannot be loaded: ") as raised:
        evaluate(export)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "promised", "measured", "holds"),
    [
        ("test_accuracy", 0.9946, 0.9947, True),  # one image of 10,000
        ("test_accuracy", 0.9946, 0.9944, False),
        ("test_exact_match_beam", 0.99, 0.9899, True),
        ("test_loss", 0.014493, 0.014494, True),
        ("test_loss", 0.014493, 0.014593, False),
        ("test_psnr", 21.5, 21.501, True),
        ("test_psnr", 21.5, 21.6, False),
    ],
)
def test_rounding_is_allowed_and_no_more(
    name: str, promised: float, measured: float, holds: bool
) -> None:
    assert Measure(name, measured, promised, 10_000).holds is holds
