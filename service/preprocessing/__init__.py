"""Bytes → pixels, strings → tokens, as the manifest says."""
