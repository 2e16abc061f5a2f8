"""A transduction learns on the right beginnings, measures whole texts, and serves characters."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import openvino
import pytest
import tensorflow as tf

from training.datasets._pairs import PairDataset, Pairs
from training.errors import DatasetError
from training.exporting import signatures
from training.exporting.conversion import convert
from training.recipe import Recipe
from training.tasks.transduction import Transduction, code_points, exact_match, texts
from training.text.transducer import Transducer
from training.text.vocabulary import Vocabulary

TRAIN = Pairs(("1a", "2b", "12c", "21d"), ("a1", "b2", "c", "d21"))
TEST = Pairs(("2a", "1d"), ("a2", "d1"))
DATASET = PairDataset(TRAIN, TEST, Vocabulary.of([*TRAIN.sources, *TRAIN.targets]), ("1a", "12c"))
RECIPE = Recipe(
    name="tiny",
    description="Turns texts around.",
    dataset="dates",
    architecture="transformer",
    arguments={"num_layers": 1, "hidden_dim": 8, "num_heads": 2, "mlp_dim": 16},
    task="transduction",
    batch_size=2,
    validation_fraction=0.25,
)


@pytest.fixture(scope="module")
def task() -> Transduction:
    return Transduction(RECIPE, DATASET, num_beams=3)


@pytest.fixture(scope="module")
def model(task: Transduction) -> keras.Model:
    keras.utils.set_random_seed(0)
    return task.build()


def test_the_decoder_is_taught_the_next_token_and_no_padding(task: Transduction) -> None:
    sources, targets = task._encoded(TRAIN)
    assert sources.shape == (4, 3)
    one, two, a, b, c, d = range(4, 10)
    assert targets.tolist() == [[a, one, 2, 0], [b, two, 2, 0], [c, 2, 0, 0], [d, two, one, 2]]
    (_, before), nexts, weights = task._taught(sources, targets)
    assert before.numpy().tolist() == [
        [1, a, one, 0],
        [1, b, two, 0],
        [1, c, 0, 0],
        [1, d, two, one],
    ]
    np.testing.assert_array_equal(np.asarray(nexts).argmax(-1), targets)
    np.testing.assert_array_equal(weights, targets != 0)


def test_loss_and_accuracy_are_of_tokens_alone(task: Transduction, model: keras.Model) -> None:
    model.compile(loss=task.loss(), weighted_metrics=task.metrics())
    loss, accuracy = model.evaluate(task.validation_batches(), verbose=0)
    (inputs, nexts, weights), *_ = task.validation_batches()
    logits = np.asarray(model(inputs))
    likelihoods = np.log(keras.ops.softmax(logits))
    is_token = np.asarray(weights) > 0
    expected = -np.sum(likelihoods * nexts, axis=-1)[is_token].mean()
    right = (logits.argmax(-1) == np.asarray(nexts).argmax(-1))[is_token].mean()
    assert loss == pytest.approx(expected, rel=1e-5)
    assert accuracy == pytest.approx(right, abs=1e-6)


def test_a_few_batches_go_through_a_fit(task: Transduction) -> None:
    model = task.build()
    model.compile("adam", loss=task.loss(), weighted_metrics=task.metrics())
    batches = task.training_batches(lambda: 0)
    history = model.fit(batches, epochs=3, shuffle=False, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_whole_texts_are_measured_and_mistakes_told(
    task: Transduction, model: keras.Model, tmp_path: Path
) -> None:
    metrics = task.evaluate(model, tmp_path)
    assert metrics == {"test_exact_match": 0.0, "test_exact_match_beam": 0.0}  # untrained
    header, *rows = (tmp_path / "mistakes.tsv").read_text("utf-8").splitlines()
    assert header.split("\t") == ["source", "target", "greedy", "beam"]
    assert [row.split("\t")[:2] for row in rows] == [["2a", "a2"], ["1d", "d1"]]


def test_an_exact_match_is_a_whole_text() -> None:
    assert exact_match(["a2", "d", "c"], ("a2", "d1", "c")) == pytest.approx(2 / 3, abs=1e-6)


def test_an_export_is_measured_by_its_own_answers(task: Transduction) -> None:
    right, half = code_points(("a2", "d1"), 4), code_points(("a2", "d"), 4)
    beams = np.stack([half, right, right], axis=1)  # (N, K, L), the best first
    measures = task.remeasure(
        {
            "transduce": lambda **inputs: {"target": right[: len(inputs["source"])]},
            "transduce_beam": lambda **inputs: {"target": beams[: len(inputs["source"])]},
        }
    )
    assert measures == {"test_exact_match": 1.0, "test_exact_match_beam": 0.5}


def test_characters_go_in_and_come_out(task: Transduction, model: keras.Model) -> None:
    served = task.serving(model).signatures
    assert list(served) == ["transduce", "transduce_beam"]
    np.testing.assert_array_equal(served["transduce"].inputs["source"], [[49, 97, 0], [49, 50, 99]])
    answers = {name: signatures.live(each.function, each.inputs) for name, each in served.items()}
    for name, outputs in answers.items():
        for output, promise in served[name].promise.outputs.items():
            assert outputs[output].dtype == promise.dtype
            assert promise.shape is not None
            assert outputs[output].shape[1:] == promise.shape[1:]
    tokens, _ = Transducer(model, 4).greedy(DATASET.vocabulary.encode(["1a", "12c"], 3))
    found = texts(answers["transduce"]["target"])
    assert found == DATASET.vocabulary.decode(np.asarray(tokens))


def test_unknown_characters_are_all_alike(task: Transduction, model: keras.Model) -> None:
    function = task.serving(model).signatures["transduce"].function
    source = code_points(("1é", "1z", "1\U0001f600"), 2)
    answer = signatures.live(function, {"source": source})
    assert (answer["target"] == answer["target"][0]).all()
    np.testing.assert_allclose(answer["log_probability"], answer["log_probability"][0], atol=1e-5)


def test_both_searches_run_on_openvino(
    task: Transduction, model: keras.Model, tmp_path: Path
) -> None:
    served = task.serving(model).signatures
    module = tf.Module()
    module.model = model
    folder = str(tmp_path / "saved")
    tf.saved_model.save(
        module, folder, signatures={name: each.function for name, each in served.items()}
    )
    reloaded = tf.saved_model.load(folder)
    other = {"source": code_points(("2", "21d1", "b"), 4)}  # another batch, another length
    for name, each in served.items():
        convert(reloaded.signatures[name], tmp_path / f"{name}.xml")
        compiled = openvino.Core().compile_model(
            tmp_path / f"{name}.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
        )
        for inputs in (each.inputs, other):
            answer = compiled(dict(inputs))
            for output, expected in signatures.live(each.function, inputs).items():
                np.testing.assert_allclose(answer[output], expected, atol=1e-4)


def test_pairs_that_are_none_are_refused() -> None:
    with pytest.raises(DatasetError, match="there are 1 sources and 2 targets; expected as many"):
        Pairs(("1",), ("1", "2"))
