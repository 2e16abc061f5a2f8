"""What this service speaks over gRPC, on a port of its own. Needs the extra `grpc`."""
