"""A Keras model → an export: signatures, goldens, CPU conversion."""
