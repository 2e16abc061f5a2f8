"""TensorFlow: any SavedModel, described, checked and run where it was placed."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from service.errors import InferenceFailed, InvalidExport, InvalidInput
from service.machine.devices import Device
from service.manifest import Manifest, Signature, TensorSpec
from service.runtimes import Placement, Program, tensorflow
from tests import SHARED
from tests.exports import write_foreign, write_foreign_texts, write_mixer
from tests.exports_foreign import (
    write_counter,
    write_half_plus,
    write_keras_module,
    write_peculiar,
    write_with_slots,
)

CPU = Placement(Device("cpu"), "float32", threads=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def texts(folder: Path) -> Program:
    write_foreign_texts(folder / "texts")
    return tensorflow.load(folder / "texts", tensorflow.describe(folder / "texts").signatures, CPU)


def test_a_foreign_model_is_described_by_its_signatures(folder: Path, texts: Program) -> None:
    assert tensorflow.describe(folder / "texts").signatures == {
        "double": Signature(
            task="infer",
            checks_shapes=False,
            inputs={"x": TensorSpec(dtype="float32", shape=None)},
            outputs={"twice": TensorSpec(dtype="float32", shape=None)},
        ),
        "shout": Signature(
            task="infer",
            checks_shapes=False,
            inputs={"texts": TensorSpec(dtype="string", shape=(None,))},
            outputs={
                "count": TensorSpec(dtype="int64", shape=()),
                "first": TensorSpec(dtype="string", shape=()),
                "loud": TensorSpec(dtype="string", shape=(None,)),
            },
        ),
    }


@pytest.mark.parametrize("kind", [object, np.str_, np.bytes_])
def test_strings_go_in_and_out(texts: Program, kind: type) -> None:
    answer = texts["shout"]({"texts": np.array(["ab", "cde"]).astype(kind)})
    assert answer["loud"].tolist() == [b"AB", b"CDE"]
    assert answer["first"].shape == ()
    assert answer["first"].item() == b"ab"
    assert answer["count"].shape == ()
    assert answer["count"] == 2


def test_zero_bytes_at_the_end_of_a_string_stay(texts: Program) -> None:
    answer = texts["shout"]({"texts": np.array([b"a\x00"], object)})
    assert answer["first"].item() == b"a\x00"
    assert answer["loud"].tolist() == [b"A\x00"]


@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (1, 2, 3)])
def test_an_unknown_rank_takes_any(texts: Program, shape: tuple[int, ...]) -> None:
    answer = texts["double"]({"x": np.ones(shape, np.float32)})
    assert answer["twice"].shape == shape
    assert (answer["twice"] == 2).all()


@pytest.mark.parametrize(
    ("signature", "inputs", "reason"),
    [
        ("double", {}, "the tensors are x; got none"),
        ("double", {"x": np.ones(2)}, "is float32 of any shape; got float64 [2]"),
        ("double", {"x": np.ones(2, np.uint8)}, "got uint8 [2]"),
        ("shout", {"texts": np.ones(2, np.float32)}, "is string [any]; got float32 [2]"),
        ("shout", {"texts": np.array([1, None], object)}, "the model refused its inputs"),
        ("shout", {"texts": np.array([], object)}, "the model refused its inputs"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_in_one_line(
    texts: Program, signature: str, inputs: dict[str, np.ndarray], reason: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        texts[signature](inputs)
    assert reason in caught.value.message
    assert "\n" not in caught.value.message


def test_a_failure_of_the_runtime_is_told_from_a_wrong_request(
    texts: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*tensors: object) -> object:
        raise tf.errors.ResourceExhaustedError(None, None, "out of memory\n\ttrace of nodes")

    monkeypatch.setattr(texts["double"], "_run", exhausted)
    with pytest.raises(InferenceFailed, match=r"^TensorFlow failed: out of memory$"):
        texts["double"]({"x": np.ones(1, np.float32)})


def test_a_model_of_tensorflow_1_is_served_by_its_graph_for_serving(tmp_path: Path) -> None:
    write_half_plus(tmp_path / "half", 2.0, also_for_training=True)
    signatures = tensorflow.describe(tmp_path / "half").signatures
    assert next(iter(signatures)) == "serving_default"
    half = tensorflow.load(tmp_path / "half", signatures, CPU)["serving_default"]
    assert half({"x": np.array([[1], [4]], np.float32)})["y"].tolist() == [[2.5], [4]]


def test_shapes_are_the_graph_s_to_take_or_refuse(tmp_path: Path) -> None:
    write_half_plus(tmp_path / "half", 2.0)
    signatures = tensorflow.describe(tmp_path / "half").signatures
    assert signatures["serving_default"].inputs["x"].shape == (None, 1)
    half = tensorflow.load(tmp_path / "half", signatures, CPU)["serving_default"]
    assert half({"x": np.array([1, 2, 5], np.float32)})["y"].tolist() == [2.5, 3.0, 4.5]
    write_with_slots(tmp_path / "product")
    signatures = tensorflow.describe(tmp_path / "product").signatures
    product = tensorflow.load(tmp_path / "product", signatures, CPU)["serving_default"]
    with pytest.raises(InvalidInput, match=r"refused its inputs: .*3.*2"):
        product({"x": np.ones((1, 3), np.float32)})


def test_a_model_that_keras_2_saved_is_served(tmp_path: Path) -> None:
    write_with_slots(tmp_path / "product")
    signatures = tensorflow.describe(tmp_path / "product").signatures
    product = tensorflow.load(tmp_path / "product", signatures, CPU)["serving_default"]
    assert product({"x": np.array([[1, 1], [2, 0]], np.float32)})["y"].tolist() == [[5], [4]]


def test_a_model_with_reference_variables_keeps_its_state(tmp_path: Path) -> None:
    write_counter(tmp_path / "counter")
    counter = tensorflow.load(
        tmp_path / "counter", tensorflow.describe(tmp_path / "counter").signatures, CPU
    )
    assert counter["get_counter"]({})["output"] == 0
    assert counter["incr_counter"]({})["output"] == 1
    assert counter["incr_counter_by"]({"delta": np.array(3, np.float32)})["output"] == 4
    assert counter["get_counter"]({})["output"] == 4
    assert counter["reset_counter"]({})["output"] == 0


def test_copies_of_keras_variables_are_matched_by_their_objects(tmp_path: Path) -> None:
    write_keras_module(tmp_path / "twice")
    signatures = tensorflow.describe(tmp_path / "twice").signatures
    twice = tensorflow.load(tmp_path / "twice", signatures, CPU)["serving_default"]
    assert twice({"x": np.array([[1, 3]], np.float32)})["y"].tolist() == [[2, 6]]


@pytest.mark.parametrize(
    ("name", "x", "y"),
    [
        ("saved_model_half_plus_two_cpu", [1, 2, 5], [2.5, 3.0, 4.5]),
        ("saved_model_half_plus_two_tf2_cpu", [1, 2, 5], [2.5, 3.0, 4.5]),
        ("saved_model_half_plus_three", [1, 2, 5], [3.5, 4.0, 5.5]),
    ],
)
def test_what_tensorflow_serving_tests_itself_with(name: str, x: list[int], y: list[float]) -> None:
    export = SHARED / "data" / "tensorflow-serving" / name / "00000123"
    if not export.is_dir():
        pytest.skip("TensorFlow Serving's own test models are not here")
    signatures = tensorflow.describe(export).signatures
    function = tensorflow.load(export, signatures, CPU)["serving_default"]
    assert function({"x": np.array(x, np.float32)})["y"].tolist() == y


def test_signatures_that_no_request_can_ask_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_peculiar(tmp_path / "peculiar")
    signatures = tensorflow.describe(tmp_path / "peculiar").signatures
    assert sorted(signatures) == ["nothing", "total"]
    assert "'complex' is left out: the tensor 'c' is complex64" in caplog.text
    assert "'ragged' is left out: the tensor 'words' is a RaggedTensor" in caplog.text
    program = tensorflow.load(tmp_path / "peculiar", signatures, CPU)
    assert program["nothing"]({})["y"].tolist() == [1]
    assert program["total"]({"x": np.ones((2, 3), np.float32)})["y"].tolist() == 6


def test_zero_rows_give_zero_rows(folder: Path) -> None:
    write_mixer(folder / "mixer", converted=False)
    manifest = Manifest.read(folder / "mixer")
    mix = tensorflow.load(folder / "mixer", manifest.signatures, CPU)["mix"]
    answer = mix({"a": np.ones((0, 2), np.float32), "b": np.ones((0, 3), np.float32)})
    assert answer["total"].shape == (0, 2)


def test_answers_survive_the_next_call(texts: Program) -> None:
    first = texts["double"]({"x": np.ones(4, np.float32)})["twice"]
    texts["double"]({"x": np.full(4, 7, np.float32)})
    assert first.tolist() == [2, 2, 2, 2]
    first += 1  # and they belong to the caller


def test_what_the_manifest_promises_must_be_there(folder: Path) -> None:
    write_foreign(folder / "half")
    signature = tensorflow.describe(folder / "half").signatures["serving_default"]
    renamed = signature.model_copy(update={"outputs": {"z": signature.outputs["y"]}})
    with pytest.raises(InvalidExport, match="takes x and gives y; the manifest says x and z"):
        tensorflow.load(folder / "half", {"serving_default": renamed}, CPU)


def test_a_model_without_signatures_says_how_to_export_one(folder: Path) -> None:
    tf.saved_model.save(tf.Module(), str(folder / "bare"))
    with pytest.raises(InvalidExport, match=r"no signatures: export it with `signatures=…`"):
        tensorflow.describe(folder / "bare")


def test_a_type_that_requests_cannot_carry_is_named(folder: Path) -> None:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.complex64, name="wave")])
    def turn(wave: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"turned": wave * 1j}

    module = tf.Module()
    module.turn = turn
    tf.saved_model.save(module, str(folder / "wave"), signatures={"turn": turn})
    with pytest.raises(InvalidExport, match="'wave' is complex64, a type that requests cannot"):
        tensorflow.describe(folder / "wave")


@pytest.mark.parametrize("content", [None, b"", b"nonsense" * 9])
def test_a_folder_that_is_no_saved_model_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(InvalidExport, match=r"TensorFlow cannot load the SavedModel: .+"):
        tensorflow.describe(tmp_path)


def test_the_last_reference_frees_the_model(folder: Path) -> None:
    write_foreign(folder / "freed")
    program = tensorflow.load(
        folder / "freed", tensorflow.describe(folder / "freed").signatures, CPU
    )
    function = program["serving_default"]
    assert isinstance(function, tensorflow._GraphFunction)
    function({"x": np.ones((1, 2), np.float32)})
    alive = weakref.ref(function), weakref.ref(function._graph)
    del program, function
    gc.collect()
    assert [reference() for reference in alive] == [None, None]
