"""Input pipelines and augmentation."""
