"""Learning-rate schedules."""

from __future__ import annotations

import keras

from training.recipe import Schedule


def learning_rate(
    schedule: Schedule, peak: float, steps: int, epochs: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate over a run of `epochs` of `steps` each.

    `constant` is `peak` throughout. `cosine` (Loshchilov and Hutter, 2017, arXiv:1608.03983,
    without restarts) climbs to `peak` in a straight line over the first epoch, or a fifth of a
    shorter run, and falls to 0 at the last step.
    """
    if schedule == "constant":
        return peak
    total = steps * epochs
    climb = max(1, min(steps, total // 5))
    return keras.optimizers.schedules.CosineDecay(
        0.0, max(1, total - climb), warmup_target=peak, warmup_steps=climb
    )
