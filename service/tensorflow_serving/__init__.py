"""What TensorFlow Serving says of models and examples, whatever carries it: HTTP or gRPC."""
