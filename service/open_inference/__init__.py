"""What the Open Inference Protocol says of models, whatever carries it: HTTP or gRPC."""
