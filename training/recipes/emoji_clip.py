"""Emoji and words for them in one space: a small CLIP-style dual encoder, of three vendors' emoji.

The method is that of Radford et al., 2021 (arXiv:2103.00020), with several positives a row as in
UniCL (Yang et al., 2022, arXiv:2204.03610), on 5,121 drawings of 1,923 things instead of 400
million pictures: nothing here compares with the paper's numbers. It knows emoji, and words that
Unicode uses for them, and no other pictures.

Not run to its end yet. The recipes `emoji-clip-unseen-…` are this one with a vendor held out, whose
drawings it is then tested with.

    python -m training train emoji-clip
"""

from __future__ import annotations

from typing import Final

from training.recipe import Recipe

RECIPE: Final = Recipe(
    name="emoji-clip",
    description="Emoji and what people say of them, embedded in one space of 256 dimensions.",
    dataset="emoji",
    architecture="clip",
    task="embedding",
    task_arguments={
        "held_out": None,
        "restyling": {
            "light": 0.35,
            "gain": 0.25,
            "grey": 0.15,
            "edges": 0.1,
            "ground": 0.2,
            "negative": 0.05,
            "patch": 20,
        },
    },
    fit="pad",
    resample="lanczos",
    epochs=200,
    batch_size=128,
    learning_rate=2e-3,
    weight_decay=5e-2,
    averaging=0.99,
    validation="test",
    keep="last",
    rotation=12.0,
    shift=4.0,
    scale=0.15,
    shear=0.1,
    elastic=1.0,
    thickness=1.0,
    blur=1.2,
    brightness=0.15,
    saturation=0.7,
    hue=25.0,
)
