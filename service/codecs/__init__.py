"""Tensors as JSON, base64 and protocol buffers."""
