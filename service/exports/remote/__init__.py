"""Models in a remote store: listed, downloaded, checked, swapped into place."""
