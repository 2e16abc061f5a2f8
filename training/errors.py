"""What can go wrong in training, as a tree; each message is one sentence for the person at work.

TrainingError
├─ UsageError        a name, a knob or an option that does not exist or cannot be; mended by asking
├─ DatasetError      a data set is missing, broken or not what it should be
├─ TrainingFailed    a run cannot go on
└─ ExportError       a model cannot become an export, or the export did not prove itself
"""


class TrainingError(Exception):
    """Any failure that training explains."""


class UsageError(TrainingError):
    """What was asked for does not exist or cannot be."""


class DatasetError(TrainingError):
    """A data set is missing, broken or not what it should be."""


class TrainingFailed(TrainingError):
    """A run cannot go on."""


class ExportError(TrainingError):
    """A model cannot become an export, or the export did not prove itself."""
