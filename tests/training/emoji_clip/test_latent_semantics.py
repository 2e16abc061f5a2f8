"""A thing is found by a word that was never said of it, but of its like."""

from __future__ import annotations

import numpy as np
import pytest

from training.emoji_clip.latent_semantics import LatentSemantics, explain, said_of

# things: three of winter, three of the beach; the third never had its season said (token 0 or 1)
TOKENS = [[0, 2, 3], [0, 2, 3], [2, 3], [1, 4, 5], [1, 4, 5], [1, 4, 5]]
SAID = said_of([np.array([row], np.int32) for row in TOKENS], 7)


def test_what_is_said_of_a_thing() -> None:
    assert SAID.shape == (6, 7)
    assert np.flatnonzero(SAID[2]).tolist() == [2, 3]


def test_a_word_finds_what_it_was_never_said_of() -> None:
    found = LatentSemantics.fit(SAID, 2)
    near = found.things @ found.tokens[0]
    assert near[2] > 0.9 * near[0]
    assert near[2] > near[3:].max() + 0.5
    assert not found.tokens[6].any()  # said of nothing
    assert found.rarity[6] == 0
    np.testing.assert_allclose(np.linalg.norm(found.things, axis=1), 1, rtol=1e-5)


def test_sums_of_tokens_come_near_their_targets() -> None:
    targets = np.repeat(np.eye(2, dtype=np.float32), 3, axis=0)
    found = LatentSemantics.fit(SAID, 2)
    sums = SAID.astype(np.float32) @ explain(SAID, found.rarity, targets, ridge=0.01)
    assert (sums.argmax(axis=1) == targets.argmax(axis=1)).all()


def test_more_factors_than_there_are_are_refused() -> None:
    with pytest.raises(ValueError, match="no 8 factors"):
        LatentSemantics.fit(SAID, 8)
