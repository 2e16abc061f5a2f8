"""A recipe: everything a training run is, as one frozen value.

A field made by `knob` can be turned for one run: from the command line (`--batch-size 64`) or with
`Recipe.override(batch_size=64)`. The other fields are what the recipe is about; another data set or
architecture is another recipe.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin, get_type_hints

from service.manifest import MODEL_NAME, Fit, Resample
from training.catalogue import unknown
from training.errors import UsageError

KnobValue = int | float | str
"""What a knob holds."""

Optimizer = Literal["adamw", "sgd"]
"""`adamw`: Loshchilov and Hutter, 2019 (arXiv:1711.05101). `sgd`: Nesterov's momentum of 0.9."""

Keep = Literal["best", "last"]
"""Whose weights a run keeps: those of the epoch of least validation loss, or of the last."""

Validation = Literal["held-out", "test"]
"""What a run is validated with, epoch by epoch.

- `held-out`: a random share of the training examples, which it does not learn from.
- `test`: the test set itself, all training examples learnt from, as the course's notes do. It
  flatters: a run that keeps the best epoch by it has chosen by the set it is then measured on.
"""

Precision = Literal["float32", "mixed_bfloat16"]
"""In what a run computes; under `mixed_bfloat16` (Micikevicius et al., 2018, arXiv:1710.03740, with
bfloat16 and so without loss scaling) weights, logits and the loss stay float32."""

Strategy = Literal["one-device", "mirrored"]
"""Where a run computes: on the first GPU, or else the CPU; or on all GPUs of the machine at once
(`tf.distribute.MirroredStrategy`), each of which takes an equal share of every batch."""

Schedule = Literal["constant", "cosine"]
"""How the learning rate goes: `cosine` climbs for an epoch, then falls to 0 along half a cosine."""


def knob(
    default: KnobValue,
    help: str,
    *,
    least: float | None = None,
    most: float | None = None,
    group: str = "training",
) -> Any:
    """A field of a recipe that a run may turn, with the text that `--help` shows for it."""
    about = {"help": help, "least": least, "most": most, "group": group, "default": default}
    return field(default=default, metadata=about)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that a run is."""

    name: str
    """The export's name; the recipe's module is named like it, with underscores."""
    description: str
    """One sentence for people who choose a model; it goes into the manifest."""
    dataset: str
    """A module of `training.datasets`."""
    architecture: str
    """A module of `training.architectures`."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """What its `build` takes besides the image's shape and the number of classes."""
    task: str = "classification"
    """A module of `training.tasks`."""
    task_arguments: Mapping[str, Any] = field(default_factory=dict)
    """What its task takes besides the recipe and the data set, such as a loss's threshold."""
    fit: Fit = "stretch"
    """How the service turns any image into the model's size."""
    resample: Resample = "bilinear"
    """The filter with which it resizes."""
    license: str = "Apache-2.0"
    """An SPDX identifier."""

    epochs: int = knob(20, "passes over the training examples at most", least=1)
    batch_size: int = knob(128, "examples a step, over all devices", least=1)
    optimizer: Optimizer = knob("adamw", "how gradients become steps")  # noqa: RUF009 — as the others
    learning_rate: float = knob(1e-3, "the optimizer's largest step", least=0)
    schedule: Schedule = knob("cosine", "how the learning rate goes")  # noqa: RUF009 — as the others
    weight_decay: float = knob(0.0, "decoupled decay of the weights", least=0)
    averaging: float = knob(
        0.0,
        "momentum of a moving average of the weights, which is what is kept; 0 for none",
        least=0,
        most=0.99999,
    )
    label_smoothing: float = knob(
        0.0, "share of the target spread evenly over all classes", least=0, most=0.9
    )
    train_images: int = knob(
        0, "images of the training split at most, its first; 0 for all", least=0
    )
    validation: Validation = knob("held-out", "what validates each epoch")  # noqa: RUF009 — as the others
    validation_fraction: float = knob(
        0.1, "share of the training examples that is held out", least=0.001, most=0.9
    )
    keep: Keep = knob("best", "the epoch whose weights are kept")  # noqa: RUF009 — as the others
    patience: int = knob(
        5,
        "epochs without a better validation loss after which a run that keeps the best stops",
        least=1,
    )
    precision: Precision = knob("float32", "in what it computes")  # noqa: RUF009 — as the others
    strategy: Strategy = knob("one-device", "where it computes")  # noqa: RUF009 — as the others
    seed: int = knob(1, "of weights, split, order and augmentation", least=0, most=2**31 - 1)

    flip: float = knob(
        0.0, "share of images mirrored left to right", least=0, most=1, group="augmentation"
    )
    crop: int = knob(
        0, "largest move in whole pixels, black coming in", least=0, group="augmentation"
    )
    rotation: float = knob(0.0, "largest turn, degrees", least=0, group="augmentation")
    shift: float = knob(0.0, "largest move, pixels", least=0, group="augmentation")
    scale: float = knob(
        0.0, "largest change of each axis, 0.1: ±10 %", least=0, group="augmentation"
    )
    shear: float = knob(0.0, "largest slant, its tangent", least=0, group="augmentation")
    elastic: float = knob(
        0.0, "typical elastic displacement, pixels", least=0, group="augmentation"
    )
    thickness: float = knob(
        0.0, "largest growth of bright strokes, pixels either side", least=0, group="augmentation"
    )
    blur: float = knob(0.0, "largest σ of a Gaussian blur, pixels", least=0, group="augmentation")
    contrast: float = knob(
        0.0, "largest share of contrast taken away", least=0, most=1, group="augmentation"
    )
    brightness: float = knob(
        0.0, "largest share of white added or taken away", least=0, most=1, group="augmentation"
    )
    saturation: float = knob(
        0.0, "largest change of the colours' strength", least=0, most=1, group="augmentation"
    )
    hue: float = knob(
        0.0, "largest turn of the colours, degrees", least=0, most=180, group="augmentation"
    )
    noise: float = knob(0.0, "largest σ of Gaussian noise, of 255", least=0, group="augmentation")
    specks: float = knob(
        0.0, "largest share of black and white specks", least=0, most=1, group="augmentation"
    )
    cutout: int = knob(0, "side of a black square, pixels", least=0, group="augmentation")

    def __post_init__(self) -> None:
        if not MODEL_NAME.fullmatch(self.name):
            raise UsageError(
                f"a recipe's name is an export's folder: letters, digits, '.', '_' and '-'; "
                f"got {self.name!r}"
            )
        for about in knobs(type(self)):
            about.check(getattr(self, about.name))

    def override(self, **changes: KnobValue) -> Recipe:
        """The recipe with some knobs turned.

        Raises:
            UsageError: a knob is unknown (the known ones are listed), or its value cannot be.
        """
        known = [about.name for about in knobs(type(self))]
        for name in changes:
            if name not in known:
                raise UsageError(unknown("knob", name, known))
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type] # checked on the way

    def settings(self) -> dict[str, KnobValue]:
        """Every knob's value, by name."""
        return {about.name: getattr(self, about.name) for about in knobs(type(self))}

    def group(self, group: str) -> dict[str, KnobValue]:
        """The values of one group of knobs, by name."""
        chosen = (about for about in knobs(type(self)) if about.group == group)
        return {about.name: getattr(self, about.name) for about in chosen}


@dataclass(frozen=True)
class Knob:
    """What is known about a knob: enough for a command line and for judging a value."""

    name: str
    type: type[int | float | str]
    default: KnobValue
    help: str
    group: str
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None

    def check(self, value: object) -> None:
        """Refuse a value of the wrong type or out of range.

        Raises:
            UsageError: says what is expected and what came.
        """
        kinds = (int, float) if self.type is float else (self.type,)
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise UsageError(
                f"the knob {self.name!r} is of type {self.type.__name__}; got {value!r}"
            )
        if self.choices and value not in self.choices:
            raise UsageError(
                f"the knob {self.name!r} is one of {', '.join(self.choices)}; got {value!r}"
            )
        if isinstance(value, str):
            return
        # written so that a NaN fails
        if self.least is not None and not value >= self.least:
            raise UsageError(f"the knob {self.name!r} is at least {self.least}; got {value}")
        if self.most is not None and not value <= self.most:
            raise UsageError(f"the knob {self.name!r} is at most {self.most}; got {value}")


def knobs(recipe: type[Recipe]) -> tuple[Knob, ...]:
    """The knobs of a class of recipes, in the order in which they are written."""
    types = get_type_hints(recipe)
    found = []
    for entry in dataclasses.fields(recipe):
        if "help" not in entry.metadata:
            continue
        kind = types[entry.name]
        choices = get_args(kind) if get_origin(kind) is Literal else ()
        kind = str if choices else kind
        found.append(Knob(entry.name, kind, choices=choices, **entry.metadata))
    return tuple(found)
