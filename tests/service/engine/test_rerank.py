"""Documents in the order of how near they are to a query, without HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.engine.engine import Engine
from service.engine.inputs import Inputs
from service.engine.rerank import rerank
from service.errors import InvalidInput
from service.repository.model_spec import ModelSpec
from tests.service.engine.test_embed import BLUE, RED
from tests.service.engine.test_engine import serve


def test_texts_and_images_are_ordered_by_a_query(colours_dir: Path) -> None:
    async def use(engine: Engine) -> None:
        query, documents = Inputs(["red"], "query"), Inputs(["blue", RED, "red", BLUE], "documents")
        with await engine.repository.lease(ModelSpec(), "embed") as lease:
            every = await rerank(engine, lease, query, documents)
            nearest = await rerank(engine, lease, query, documents, top_n=2)
        assert {each.position for each in every.documents[:2]} == {1, 2}
        scores = [each.score for each in every.documents]
        assert scores == sorted(scores, reverse=True)
        assert len(every.documents) == 4
        assert nearest.documents == every.documents[:2]
        assert every.tokens == 11, "query: 5 with its prompt, two texts: 3 each"

    serve(colours_dir, use)


def test_an_error_says_whether_the_query_or_a_document_is_wrong(colours_dir: Path) -> None:
    async def use(engine: Engine) -> None:
        for query, document, param in (("", "red", "query"), ("red", "", "documents[0]")):
            asked = Inputs([query], "query", ["query"])
            refused = pytest.raises(InvalidInput, match="empty")
            with await engine.repository.lease(ModelSpec(), "embed") as lease, refused as caught:
                await rerank(engine, lease, asked, Inputs([document], "documents"))
            assert caught.value.param == param

    serve(colours_dir, use)
