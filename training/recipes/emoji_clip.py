"""Emoji and words for them in one space: a small CLIP-style dual encoder, of three vendors' emoji.

The method is that of Radford et al., 2021 (arXiv:2103.00020), with several positives a row as in
UniCL (Yang et al., 2022, arXiv:2204.03610), on 5,121 drawings of 1,923 things instead of 400
million pictures: nothing here compares with the paper's numbers. It knows emoji, and words that
Unicode uses for them, and no other pictures.

What each idea gave, in runs of 15 epochs (seed 1, mixed_bfloat16) that learnt from Noto and Twemoji
and were tested with Fluent 3D; R@1 / R@5 / R@10 from name to drawing, %. So short a run tells how
fast one learns, not where it ends; one point more or less of R@5 is chance.

    nearest drawing of the two, by colours in 16×16, nothing learnt    31.4 / 47.2 / 55.3
    nearest by oriented gradients in 8×8 cells, nothing learnt         42.1 / 60.6 / 67.6
    nearest by both, nothing learnt                                    47.9 / 65.2 / 71.6
    one softmax over a batch's texts and a vector a concept             1.0 /  6.0 / 10.4
    pairs, and both encoders tell all concepts apart: this recipe      14.2 / 35.1 / 45.8
    … with a learning rate of 5e-3                                     13.9 / 34.0 / 44.1
    … without `OrientedGradients`, colours alone                       11.5 / 28.3 / 38.4
    … without `Restyling`                                              19.6 / 41.4 / 52.1

Restyling slows learning; whether it pays in a long run is not measured yet.

Not run to its end yet. The recipes `emoji-clip-unseen-…` are this one with a vendor held out, whose
drawings it is then tested with.

    python -m training train emoji-clip
"""

from __future__ import annotations

from typing import Final

from training.recipe import Recipe

RECIPE: Final = Recipe(
    name="emoji-clip",
    description="Emoji and what people say of them, embedded in one space of 320 dimensions.",
    dataset="emoji",
    architecture="clip",
    task="embedding",
    task_arguments={"held_out": None, "temperature": 0.05},
    fit="pad",
    resample="lanczos",
    license=(
        "Apache-2.0; learnt from Noto Emoji (Apache-2.0, SIL OFL 1.1), Twemoji (CC BY 4.0), Fluent "
        "Emoji (MIT) and Unicode CLDR (Unicode-3.0): see NOTICE"
    ),
    epochs=20,
    batch_size=256,
    learning_rate=1e-3,
    weight_decay=5e-2,
    averaging=0.98,
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
