"""Folders of others become exports by one command, and the service answers with them."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from service.manifest import Manifest, golden_path, openvino_path
from tests import ROOT
from tests.hugging_face import write_bert, write_clip
from tests.references import cases
from tests.server import Server
from training.__main__ import main
from training.errors import TrainingError
from training.running.pretrained import default_name, import_model

MINILM = ROOT / "models/all-minilm-l6-v2"
REFERENCES = Path(cases.__file__).parent
PIXELS = cases.images(32)["images"]


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder of sentences and a dual one, made by the command; the service proves them."""
    parent = tmp_path_factory.mktemp("imports")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.exporting.export.prove", lambda folder: None)
        for source, words in (
            (write_bert(parent / "Tiny BERT"), ["--prompt", "query=the "]),
            (write_clip(parent / "clip"), ["--name", "pairs", "--known-as", "them/clip"]),
        ):
            command = ["import", str(source), "--models-dir", str(parent / "models"), *words]
            assert main(command) == 0
    return parent / "models"


@pytest.fixture(scope="module")
def server(models_dir: Path) -> Iterator[Server]:
    settings: dict[str, Any] = {"PRECISION": "float32", "TOKEN_INPUTS": True}
    with Server(MODELS_DIR=models_dir, **settings) as running:
        yield running


def _embed(server: Server, model: str, texts: list[Any], **options: Any) -> np.ndarray:
    body = {"model": model, "input": texts, **options}
    reply = server.client.post("/v1/embeddings", json=body)
    assert reply.status_code == 200, reply.text
    return np.array([each["embedding"] for each in reply.json()["data"]])


def test_an_export_says_where_it_comes_from(models_dir: Path) -> None:
    bert, clip = (Manifest.read(models_dir / name / "1") for name in ("tiny-bert", "pairs"))
    assert bert.provenance["source"] == "Tiny BERT"
    assert clip.provenance["source"] == "them/clip"
    assert clip.description.endswith("of one space, 20 dimensions: them/clip.")
    assert (bert.provenance["importer"], clip.provenance["importer"]) == ("bert", "clip")
    assert bert.license == "apache-2.0"
    assert bert.text is not None
    assert (bert.text.max_length, bert.text.prompts) == (20, {"query": "the "})
    assert clip.image is not None
    assert (clip.image.fit, clip.image.resample) == ("resize-crop", "bicubic")
    assert clip.embeddings is not None
    assert clip.embeddings.temperature == pytest.approx(0.05)
    assert clip.encoders == {"text": "embed_text", "image": "embed_image"}
    for name, signatures in (
        ("tiny-bert", ["embed_text"]),
        ("pairs", ["embed_text", "embed_image"]),
    ):
        folder = models_dir / name / "1"
        assert all(openvino_path(folder, each).is_file() for each in signatures)
        assert golden_path(folder).stat().st_size < 1_000_000
        assert not list(folder.rglob("*.keras"))


def test_texts_are_embedded_alike_alone_and_in_any_company(server: Server) -> None:
    texts = ["the cat", "dog", "the cats nap, x", "a", "cats dogs"]
    for model in ("tiny-bert", "pairs"):
        together = _embed(server, model, texts)
        alone = np.concatenate([_embed(server, model, [text]) for text in texts])
        assert cases.cosines(alone, together).min() > 0.99999
        assert cases.cosines(together[:1], together[1:]).max() < 0.999


def test_texts_are_those_of_transformers(server: Server, tmp_path: Path) -> None:
    """Over HTTP, in the service's own batches; the texts are the references' tokens."""
    for model, case in (("tiny-bert", "bert-mean"), ("pairs", "clip")):
        with np.load(REFERENCES / f"{case}.npz") as references:
            expected = references["texts"]
        inputs, _ = cases.inputs(cases.ALL[case](tmp_path / case))
        lengths = inputs["mask"].sum(axis=1)
        fit = np.flatnonzero(lengths <= 20)  # as sentence_bert_config.json says
        rows = [inputs["tokens"][row, : lengths[row]].tolist() for row in fit]
        found = _embed(server, model, rows)
        assert len(fit) >= 6
        assert cases.cosines(found, expected[fit]).min() >= 0.99999


def test_images_are_those_of_transformers(server: Server) -> None:
    with np.load(REFERENCES / "clip.npz") as references:
        expected = references["images"]
    found = _embed(server, "pairs", [_uri(each) for each in PIXELS], modality="image")
    assert cases.cosines(found, expected).min() >= 0.99999


def _uri(pixels: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def test_an_import_that_cannot_be_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_bert(tmp_path / "bert", model_type="xlnet")
    for words, says in (
        ([str(folder)], "is a model of type 'xlnet'; what can be imported is of type bert, clip"),
        ([str(folder), "--prompt", "query"], "--prompt is NAME=TEXT"),
        ([str(tmp_path / "none")], "is no folder; expected one"),
        (["keras:ResNet50", "--prompt", "query=x"], "--prompt is for models of texts"),
    ):
        status = main(["import", *words, "--models-dir", str(tmp_path / "models")])
        assert status != 0
        assert says in " ".join(capsys.readouterr().err.split())
    assert not list((tmp_path / "models").glob("*"))


def test_options_of_other_sources_are_refused(tmp_path: Path) -> None:
    folder = write_bert(tmp_path / "bert")
    with pytest.raises(TrainingError, match="--weights and --labels are for keras:… models"):
        import_model(str(folder), models_dir=tmp_path, weights=tmp_path / "x.h5")


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("sentence-transformers/all-MiniLM-L6-v2", "all-minilm-l6-v2"),
        ("keras:ResNet50V2", "resnet50v2"),
        ("here/My model (2)", "my-model-2"),
    ],
)
def test_an_export_is_named_by_the_last_part_of_its_source(source: str, name: str) -> None:
    assert default_name(source) == name


def test_the_real_minilm_ranks_related_sentences_above_others(tmp_path: Path) -> None:
    if not (MINILM / "1").is_dir():
        pytest.skip("models/all-minilm-l6-v2 is not here: `make minilm` makes it")
    pairs = [
        ("A man is playing a guitar.", "Someone performs music on a string instrument."),
        ("The cat sleeps on the sofa.", "A kitten is napping on the couch."),
        ("Shares fell sharply on Monday.", "The stock market lost value at the start of the week."),
        ("How do I reset my password?", "I forgot my login credentials and need to change them."),
        ("It is going to rain tomorrow.", "The forecast says wet weather is coming."),
        ("She bakes bread every morning.", "Each day she makes fresh loaves in the oven."),
    ]
    (tmp_path / MINILM.name).symlink_to(MINILM)
    with Server(MODELS_DIR=tmp_path) as running:
        left = _embed(running, "all-minilm-l6-v2", [one for one, _ in pairs])
        right = _embed(running, "all-minilm-l6-v2", [other for _, other in pairs])
    scores = left @ right.T
    assert (scores.argmax(axis=1) == np.arange(len(pairs))).all()
    assert (scores.argmax(axis=0) == np.arange(len(pairs))).all()
    others = scores[~np.eye(len(pairs), dtype=bool)]
    assert np.diag(scores).min() > 0.35 > others.max()
