"""How any HTTP protocol is routed, read and answered."""
