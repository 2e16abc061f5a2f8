"""One training run: fit, checkpoints, evaluation, sweeps."""
