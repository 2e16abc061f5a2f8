"""The cosines of texts and images with others, without HTTP."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from service.engine import similarity as task
from service.engine.engine import Engine
from service.engine.inputs import Inputs
from service.engine.similarity import similarity
from service.repository.model_spec import ModelSpec
from tests.service.engine.test_embed import BLUE, GREEN, RED
from tests.service.engine.test_engine import serve


def test_each_is_compared_with_each(colours_dir: Path) -> None:
    async def use(engine: Engine) -> None:
        a, b = Inputs(["red", BLUE], "a"), Inputs(["blue", "green", RED], "b")
        with await engine.repository.lease(ModelSpec(), "embed") as lease:
            scores = await similarity(engine, lease, a, b)
        assert scores.shape == (2, 3)
        assert scores.dtype == np.float32
        assert scores.argmax(axis=1).tolist() == [2, 0]
        assert (np.abs(scores) <= 1.000001).all()

    serve(colours_dir, use)


def test_many_cosines_are_the_same_as_few(colours_dir: Path) -> None:
    """They are computed on a thread."""

    async def use(engine: Engine) -> None:
        count = int(task._MANY**0.5) + 1
        a = Inputs(["red", "green"] * (count // 2), "a")
        b = Inputs(["blue", GREEN, *["red"] * (count - 2)], "b")
        with await engine.repository.lease(ModelSpec(), "embed") as lease:
            many = await similarity(engine, lease, a, b)
            few = await similarity(engine, lease, Inputs(a.values[:2]), Inputs(b.values[:3]))
        np.testing.assert_allclose(many[:2, :3], few, atol=1e-6)

    serve(colours_dir, use)
