"""TensorFlow Serving's REST protocol on a real server: its documented answers, every refusal."""

from __future__ import annotations

import base64
import gzip
import json
import math
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from tests import exports_foreign
from tests.bad_requests import BAD_REQUESTS, refusal
from tests.exports import write_classifier
from tests.exports_foreign import predict_log
from tests.images import image
from tests.server import Server

PLANS = """
models:
  half_plus_three: {versions: all, labels: {stable: 1, canary: 2}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("models")
    exports_foreign.write_half_plus(folder / "half_plus_two" / "123", 2.0)
    for version in ("1", "2"):
        exports_foreign.write_half_plus(folder / "half_plus_three" / version, 2.0 + int(version))
    exports_foreign.write_strings(folder / "strings" / "1")
    exports_foreign.write_strings(folder / "cold" / "1")
    exports_foreign.write_warmup(folder / "cold" / "1", predict_log("no"))
    warm = [predict_log(x=np.ones((rows, 1), np.float32)) for rows in (1, 2)]
    exports_foreign.write_warmup(folder / "half_plus_two" / "123", *warm)
    exports_foreign.write_types(folder / "types" / "1")
    exports_foreign.write_examples(folder / "examples" / "1")
    write_classifier(folder / "shade" / "7")
    (folder / "broken" / "1").mkdir(parents=True)
    (folder / "broken" / "1" / "saved_model.pb").write_bytes(b"no SavedModel")
    (folder / "models.yaml").write_text(PLANS)
    with Server(MODELS_DIR=folder, wait_ready=False) as running:
        running.wait_settled()
        yield running


def ask(server: Server, path: str, body: object) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    # No Content-Type: TensorFlow Serving looks at none.
    return server.client.post(f"/v1/models/{path}", content=content)


def answer(server: Server, path: str, body: object) -> Any:
    reply = ask(server, path, body)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "application/json"
    return json.loads(reply.text)


ROWS = [[1.0], [2.0], [5.0]]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"instances": ROWS}, {"predictions": [[2.5], [3.0], [4.5]]}),
        ({"instances": [[1], [2]]}, {"predictions": [[2.5], [3.0]]}),
        ({"instances": [1.0, 2.0, 5.0]}, {"predictions": [2.5, 3.0, 4.5]}),
        ({"instances": [{"x": [1.0]}, {"x": [2.0]}]}, {"predictions": [[2.5], [3.0]]}),
        ({"inputs": ROWS}, {"outputs": [[2.5], [3.0], [4.5]]}),
        ({"inputs": {"x": [[1.0]], "extra": 1}}, {"outputs": [[2.5]]}),
        ({"signature_name": "serving_default", "inputs": [[1]]}, {"outputs": [[2.5]]}),
        ({"signature_name": "", "instances": [[1]]}, {"predictions": [[2.5]]}),
        (b'{"instances": [[1]]} and more', {"predictions": [[2.5]]}),
        (b'{"instances": [[Infinity]]}', {"predictions": [[math.inf]]}),
        (b'{"instances": [[1e39], [1435774380]]}', {"predictions": [[math.inf], [717887168.0]]}),
    ],
)
def test_half_plus_two_answers_as_documented(server: Server, body: object, expected: Any) -> None:
    assert answer(server, "half_plus_two:predict", body) == expected


def test_numbers_are_written_as_decimals_and_not_a_number_by_its_name(server: Server) -> None:
    reply = ask(server, "half_plus_two:predict", b'{"instances": [[NaN], [-Infinity], [0.2], [2]]}')
    assert reply.text == '{"predictions":[[NaN],[-Infinity],[2.1],[3.0]]}'


def test_each_answer_names_the_version_that_gave_it(server: Server) -> None:
    reply = ask(server, "half_plus_two:predict", {"instances": [[1]]})
    assert reply.headers["x-model-name"] == "half_plus_two"
    assert reply.headers["x-model-version"] == "123"


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("half_plus_three", "2"),
        ("half_plus_three/versions/1", "1"),
        ("half_plus_three/versions/2", "2"),
        ("half_plus_three/labels/stable", "1"),
        ("half_plus_three/labels/canary", "2"),
        ("half%5Fplus_three/VERSIONS/1", "1"),
    ],
)
def test_versions_and_labels_are_addressed(server: Server, path: str, version: str) -> None:
    for verb, body in ((":predict", {"instances": [[2]]}), (":PREDICT", {"instances": [[2]]})):
        reply = ask(server, f"{path}{verb}", body)
        named = reply.headers["x-model-version"]
        if "/" in path:  # a plan's labels may share what names none
            assert named == version
        assert reply.json() == {"predictions": [[3.0 + int(named)]]}
    reply = server.client.get(f"/V1/models/{path}/metadata")
    assert reply.status_code == 200


def test_curl_is_answered_as_in_the_guide(server: Server) -> None:
    command = ["curl", "-s", "-d", '{"instances": [[1.0], [2.0], [5.0]]}', "-X", "POST"]
    url = f"{server.url}/v1/models/half_plus_two:predict"
    output = subprocess.run([*command, url], capture_output=True, check=True).stdout
    assert json.loads(output) == {"predictions": [[2.5], [3.0], [4.5]]}


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("int8", [-128, 127]),
        ("int16", [-32768, 32767]),
        ("int32", [-(2**31), 2**31 - 1]),
        ("int64", [-(2**63), 2**63 - 1]),
        ("uint8", [0, 255]),
        ("uint32", [0, 2**32 - 1]),
        ("uint64", [0, 2**64 - 1]),
        ("bool", [True, False]),
        ("float", [0.1, -1.5]),
        ("double", [0.1, 1e300]),
    ],
)
def test_every_type_comes_back_exactly(server: Server, dtype: str, values: list[Any]) -> None:
    rows = {"signature_name": dtype, "instances": values}
    assert answer(server, "types:predict", rows) == {"predictions": values}
    columns = {"signature_name": dtype, "inputs": {"x": values}}
    assert answer(server, "types:predict", columns) == {"outputs": values}


@pytest.mark.parametrize("dtype", ["half", "uint16"])
def test_types_that_json_does_not_carry_are_not_implemented(server: Server, dtype: str) -> None:
    body = {"signature_name": dtype, "instances": [1, 2]}
    said = refusal(ask(server, "types:predict", body), 501)
    assert said.startswith(f"Conversion of JSON Value: [1,2] to type: {dtype}")


def test_several_inputs_and_outputs_travel_by_name(server: Server) -> None:
    rows = {"signature_name": "pair", "instances": [{"a": [1, 2], "b": 3}, {"b": 4, "a": [5, 6]}]}
    assert answer(server, "types:predict", rows)["predictions"] == [
        {"total": [4.0, 5.0], "twice": 6},
        {"total": [9.0, 10.0], "twice": 8},
    ]
    columns = {"signature_name": "pair", "inputs": {"a": [[1, 2]], "b": [3]}}
    expected = {"total": [[4.0, 5.0]], "twice": [6]}
    assert answer(server, "types:predict", columns)["outputs"] == expected


def test_scalars_go_by_columns_alone(server: Server) -> None:
    assert answer(server, "types:predict", {"signature_name": "scalar", "inputs": 1}) == {
        "outputs": 2.5
    }
    body = {"signature_name": "count", "inputs": [1, 2]}
    assert answer(server, "types:predict", body) == {"outputs": {"count": 2, "x": [1.0, 2.0]}}
    body = {"signature_name": "count", "instances": [1, 2]}
    said = refusal(ask(server, "types:predict", body), 400)
    assert said == "Tensor name: count has no shape information "


def test_strings_and_bytes_come_back(server: Server) -> None:
    sent = [{"b64": base64.b64encode(b"\x00\xff").decode()}, "é", {"b64": "YWI"}]
    [first, second, third] = answer(server, "strings:predict", {"instances": sent})["predictions"]
    assert first == {"s": {"b64": "AP8="}, "s_bytes": {"b64": "AP8="}}  # it is no UTF-8
    assert second == {"s": "é", "s_bytes": {"b64": "w6k="}}
    assert third == {"s": "ab", "s_bytes": {"b64": "YWI="}}
    columns = answer(server, "strings:predict", {"inputs": {"s": ["a"]}})["outputs"]
    assert columns == {"s": ["a"], "s_bytes": [{"b64": "YQ=="}]}


def test_our_own_exports_take_pixels(server: Server) -> None:
    pixels = np.stack([np.zeros((8, 8, 1)), np.full((8, 8, 1), 255)]).astype(np.uint8)
    rows = answer(server, "shade:predict", {"instances": pixels.tolist()})["predictions"]
    assert np.argmax(rows, axis=1).tolist() == [0, 2]
    gzipped = gzip.compress(json.dumps({"instances": pixels.tolist()}).encode())
    reply = server.client.post(
        "/v1/models/shade/versions/7:predict",
        content=gzipped,
        headers={"Content-Encoding": "gzip"},
    )
    assert reply.json()["predictions"] == rows


@pytest.mark.parametrize(("path", "body", "reason"), BAD_REQUESTS)
def test_what_cannot_be_predicted_is_a_bad_request(
    server: Server, path: str, body: object, reason: str
) -> None:
    assert reason in refusal(ask(server, f"{path}:predict", body), 400)


@pytest.mark.parametrize("verb", [":predict", ":classify", ":regress"])
def test_unknown_models_and_versions_are_not_found(server: Server, verb: str) -> None:
    body = {"instances": [[1]], "examples": [{"x": 1.0}]}
    said = refusal(ask(server, f"nobody{verb}", body), 404)
    assert said == "Servable not found for request: Latest(nobody)"
    said = refusal(ask(server, f"half_plus_two/versions/9{verb}", body), 404)
    assert said == "Servable not found for request: Specific(half_plus_two, 9)"


def test_a_model_that_failed_to_load_is_unavailable(server: Server) -> None:
    said = refusal(ask(server, "broken:predict", {"instances": [1]}), 503)
    assert said.startswith("the model 'broken' is not ready (failed): TensorFlow cannot load")


def test_recorded_requests_warm_a_version_up_before_it_answers(server: Server) -> None:
    [line] = [line for line in server.log if "recorded requests" in line]
    assert "half_plus_two/123: warmed up with 2 recorded requests" in line
    [status] = server.client.get("/v1/models/cold").json()["model_version_status"]
    assert status["state"] == "END"
    reason = status["status"]["error_message"]
    assert "record 0: there is no signature 'no'" in reason
    assert "remove the file" in reason


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models/half_plus_two:predict"),
        ("POST", "/v1/models/half_plus_two"),
        ("POST", "/v1/models/half_plus_two/metadata"),
        ("PUT", "/v1/models/half_plus_two"),
        ("DELETE", "/v1/models/half_plus_two:predict"),
        ("OPTIONS", "/v1/models/half_plus_two:predict"),
        ("PATCH", "/v1/models/a/b/c"),
        ("GET", "/v1/models/half_plus_two/version/50"),
        ("GET", "/v1/models/half_plus_two/versions/x"),
        ("POST", "/v1/models/half_plus_two/versions/x:predict"),
        ("POST", "/v1/models/half_plus_two/versions/1/labels/a:predict"),
        ("POST", "/v1/models/half_plus_two:unknown"),
        ("GET", "/v1/models/"),
        ("GET", "/v1/models/half_plus_two/"),
        ("PROPFIND", "/V1/Models/a%20b"),
    ],
)
def test_whatever_else_is_malformed(server: Server, method: str, path: str) -> None:
    reply = server.client.request(method, f"{path}?query=1")
    assert refusal(reply, 400) == f"Malformed request: {method} {path}"


def test_openai_lists_the_models_beside_it(server: Server) -> None:
    assert server.client.get("/v1/models").json()["object"] == "list"


EXAMPLES = [{"x": 1.0}, {"x": [2.0], "other": "a"}]


def test_examples_are_classified(server: Server) -> None:
    body = {"signature_name": "classify_x_to_y", "examples": EXAMPLES}
    expected = {"results": [[["half plus", 2.5]], [["half plus", 3.0]]]}
    assert answer(server, "half_plus_two:classify", body) == expected
    body["signature_name"] = "classify_scores"
    assert answer(server, "half_plus_two:classify", body) == {"results": [[["", 2.5]], [["", 3.0]]]}


def test_examples_are_regressed_and_share_their_context(server: Server) -> None:
    body: dict[str, Any] = {"signature_name": "regress_x_to_y", "examples": EXAMPLES}
    assert answer(server, "half_plus_two:regress", body) == {"results": [2.5, 3.0]}
    body = {"signature_name": "regress_x2_to_y3", "context": {"x": 7.0}, "examples": [{}]}
    assert answer(server, "half_plus_two:regress", body) == {"results": [3.0]}
    body["examples"] = [{"x2": 1.0}]
    assert answer(server, "half_plus_two:regress", body) == {"results": [3.5]}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"signature_name": "regress_x_to_y"},
            "Expected classification signature outputs to contain classes or scores; ",
        ),
        ({"signature_name": "no"}, 'Serving signature name: "no" not found in signature def'),
        ({"signature_name": ""}, "No classification inputs found in SignatureDef: "),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": 5}, "Expecting 'examples' value to be an list/array"),
        ({"examples": [5]}, "Example must be JSON object but got JSON Number"),
        ({"context": []}, "Example must be JSON object but got JSON Array"),
        ({"examples": [{"x": [1, 2.5]}]}, "Unexpected element type in feature: x expecting type"),
        ({"examples": [{"x": None}]}, "Feature: x has element with unexpected JSON type: Null"),
        ({"examples": [{"x": [[1]]}]}, "Feature: x has element with unexpected JSON type: Array"),
        ({"examples": [{"x": 2**63}]}, "Feature: x has uint64 element. Only int64 is supported."),
        ({"examples": [{"x": 1}]}, "Data types don't match"),
    ],
)
def test_examples_that_cannot_be_classified(
    server: Server, change: dict[str, Any], reason: str
) -> None:
    body = {"signature_name": "classify_x_to_y", "examples": EXAMPLES, **change}
    assert reason in refusal(ask(server, "half_plus_two:classify", body), 400)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("regress", [42.0, 3.0]), ("classify", [[["", 42.0]], [["", 3.0]]])],
)
def test_signatures_of_tensorflow_2_take_examples_whatever_their_method(
    server: Server, path: str, expected: Any
) -> None:
    body = {"signature_name": path, "examples": [{"x": 80.0}, {"x": 2.0}]}
    assert answer(server, f"examples:{path}", body) == {"results": expected}


@pytest.mark.parametrize(
    ("path", "signature", "reason"),
    [
        ("regress", "pairs", "Expected output Tensor shape to be either [batch_size] or [batch_"),
        ("regress", "total", "Input batch size did not match output batch size: 2 vs. 1"),
        ("classify", "flat", "Expected Tensor shape: [batch_size num_classes] but got [2]"),
        ("classify", "regress", "Expected classification signature outputs to contain classes"),
    ],
)
def test_outputs_that_are_no_answer_are_a_bad_request(
    server: Server, path: str, signature: str, reason: str
) -> None:
    body = {"signature_name": signature, "examples": [{"x": 80.0}, {"x": 2.0}]}
    assert reason in refusal(ask(server, f"examples:{path}", body), 400)


def test_our_own_exports_classify_images(server: Server) -> None:
    files = [base64.b64encode(image(value)).decode() for value in (0, 255)]
    body = {"examples": [{"image": {"b64": files[0]}}, {"image": [{"b64": files[1]}]}]}
    first, second = answer(server, "shade:classify", body)["results"]
    assert [label for label, _ in first] == ["dark", "middle", "light"]
    assert [label for label, _ in second] == ["light", "middle", "dark"]
    assert sum(score for _, score in first) == pytest.approx(1, abs=1e-2)
    said = refusal(ask(server, "shade:classify", {"examples": EXAMPLES}), 400)
    assert said.startswith("example 0 is no image")
    said = refusal(ask(server, "shade:classify", {"instances": []}), 400)
    assert said.endswith("key 'examples' is expected and was not found")
    said = refusal(ask(server, "shade:regress", {"examples": EXAMPLES}), 400)
    assert said.startswith("No regression inputs found in SignatureDef: ")


def test_status_says_the_state_of_each_version(server: Server) -> None:
    def versions(path: str) -> list[tuple[str, str, str]]:
        said = server.client.get(f"/v1/models/{path}").json()["model_version_status"]
        return [(each["version"], each["state"], each["status"]["error_code"]) for each in said]

    both = [("2", "AVAILABLE", "OK"), ("1", "AVAILABLE", "OK")]
    assert versions("half_plus_three") == both
    assert versions("half_plus_three/versions/1") == both[1:]
    assert versions("half_plus_three/labels/canary") == both[:1]
    assert versions("broken") == [("1", "END", "INTERNAL")]
    reply = server.client.get("/v1/models/nobody")
    assert refusal(reply, 404) == "Could not find any versions of model nobody"
    reply = server.client.get("/v1/models/half_plus_two/versions/9")
    assert refusal(reply, 404) == "Could not find version 9 of model half_plus_two"
    reply = server.client.get("/v1/models/half_plus_three/labels/no")
    assert refusal(reply, 400) == "Unrecognized servable version label: no"


def test_metadata_is_the_signatures(server: Server) -> None:
    reply = server.client.get("/v1/models/half_plus_two/metadata").json()
    assert reply["model_spec"] == {"name": "half_plus_two", "signature_name": "", "version": "123"}
    signatures = reply["metadata"]["signature_def"]["signature_def"]
    dims = [{"size": "-1", "name": ""}, {"size": "1", "name": ""}]
    shape = {"dim": dims, "unknown_rank": False}
    assert signatures["serving_default"] == {
        "inputs": {"x": {"dtype": "DT_FLOAT", "tensor_shape": shape, "name": "x:0"}},
        "outputs": {"y": {"dtype": "DT_FLOAT", "tensor_shape": shape, "name": "y:0"}},
        "method_name": "tensorflow/serving/predict",
    }
    assert signatures["regress_x_to_y"]["method_name"] == "tensorflow/serving/regress"
    own = server.client.get("/v1/models/shade/metadata").json()["metadata"]["signature_def"]
    assert own["signature_def"]["classify"]["inputs"]["images"]["dtype"] == "DT_UINT8"
    reply = server.client.get("/v1/models/nobody/metadata")
    assert refusal(reply, 404) == "Servable not found for request: Latest(nobody)"


def test_it_is_documented(server: Server) -> None:
    paths = server.client.get("/openapi.json").json()["paths"]
    operation = paths["/v1/models/{name}/versions/{version}:predict"]["post"]
    assert operation["tags"] == ["TensorFlow Serving"]
    names = [each["name"] for each in operation["parameters"]]
    assert names == ["name", "version", "X-Request-Key"]
    content = operation["requestBody"]["content"]["application/json"]
    assert content["examples"]
    assert {"200", "400", "404", "501", "503", "504"} <= operation["responses"].keys()
    assert "/v1/models/{name}/labels/{label}/metadata" in paths
    assert "/v1/models/" not in paths
