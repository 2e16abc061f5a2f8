"""models.yaml: what an operator wants served, read and validated."""
