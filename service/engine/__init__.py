"""What can be asked of models, one task a file."""
