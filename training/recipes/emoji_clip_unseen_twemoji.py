"""Emoji and words in one space, tested in a style never seen: `emoji-clip` without Twemoji.

Everything is as in `emoji-clip`, but that its drawings are learnt from by two vendors and tested
with by the third: among the 1,545 things that all three drew.

Measured on the test set: R@1 / R@5 / R@10
53.2 / 72.8 / 77.7 % from image to name, 54.2 / 72.7 / 79.5 % from
name to image (seed 1, 2 to 3 minutes on 2 cores of an AMD EPYC).

    python -m training train emoji-clip-unseen-twemoji
"""

from __future__ import annotations

import dataclasses
from typing import Final

from training.recipe import Recipe
from training.recipes import emoji_clip

RECIPE: Final[Recipe] = dataclasses.replace(
    emoji_clip.RECIPE,
    name="emoji-clip-unseen-twemoji",
    description="The test of emoji-clip: learnt without Twemoji, whose drawings test it.",
    task_arguments={**emoji_clip.RECIPE.task_arguments, "held_out": "twemoji"},
)
