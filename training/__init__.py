"""Makes models: trains Keras recipes and writes exports that the service serves."""
