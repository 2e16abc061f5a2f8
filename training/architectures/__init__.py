"""Architectures, one a module named like it; each offers `build(...)`, a function to a Keras model.

Models take pixels 0–255 as float32 (B, H, W, C), scale them themselves, and return logits (B, K).
"""
