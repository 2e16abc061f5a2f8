"""Signatures read without TensorFlow: as TensorFlow reads them itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import saved_model_pb2

from service.errors import InvalidExport
from service.exports import folder as export_folder
from service.exports import saved_model
from service.exports.saved_model import SignatureDef, TensorInfo
from tests import exports_foreign
from tests.exports import write_foreign_texts

WRITERS: dict[str, Callable[[Path], None]] = {
    "half": lambda folder: exports_foreign.write_half_plus(folder, 2.0),
    "strings": exports_foreign.write_strings,
    "texts": write_foreign_texts,
}


def by_tensorflow(path: Path) -> dict[str, SignatureDef]:
    [graph] = saved_model_pb2.SavedModel.FromString(path.read_bytes()).meta_graphs

    def info(tensor: Any) -> TensorInfo:
        shape = tensor.tensor_shape
        dims = None if shape.unknown_rank else tuple((dim.size, dim.name) for dim in shape.dim)
        return TensorInfo(types_pb2.DataType.Name(tensor.dtype), dims, tensor.name)

    return {
        name: SignatureDef(
            {key: info(tensor) for key, tensor in signature.inputs.items()},
            {key: info(tensor) for key, tensor in signature.outputs.items()},
            signature.method_name,
        )
        for name, signature in graph.signature_def.items()
    }


@pytest.mark.parametrize("name", WRITERS)
def test_signatures_are_as_tensorflow_reads_them(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / name / "1")
    expected = by_tensorflow(tmp_path / name / "1" / "saved_model.pb")
    found = saved_model.signatures(export_folder.find(tmp_path / name))
    assert found == expected
    assert found


def test_of_several_graphs_the_one_to_serve_is_read(tmp_path: Path) -> None:
    graph = saved_model_pb2.SavedModel()
    for tags in (["train"], ["gpu", "serve"], []):
        meta = graph.meta_graphs.add()
        meta.meta_info_def.tags.extend(tags)
        meta.signature_def["/".join(tags)].method_name = "m"
    path = tmp_path / "saved_model.pb"
    path.write_bytes(graph.SerializeToString())
    assert saved_model.read(path) == {"gpu/serve": SignatureDef(method_name="m")}
    del graph.meta_graphs[1]
    path.write_bytes(graph.SerializeToString())
    assert list(saved_model.read(path)) == ["train"]


@pytest.mark.parametrize(
    "content", [b"", b"\x12\x7f", b"\x08\x01", b"\x17", b"\xff" * 40, b"\x10\x01"]
)
def test_a_broken_file_is_refused_with_its_reason(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "broken" / "1"
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(content)
    with pytest.raises(InvalidExport, match=r"saved_model.pb cannot be read: .+: export it again"):
        saved_model.signatures(export_folder.find(folder))


def test_every_prefix_of_a_file_is_read_or_refused(tmp_path: Path) -> None:
    exports_foreign.write_half_plus(tmp_path / "1", 2.0)
    content = (tmp_path / "1" / "saved_model.pb").read_bytes()
    path = tmp_path / "cut.pb"
    for size in range(1, len(content), 97):
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"cut off|no graph"):
            saved_model.read(path)
