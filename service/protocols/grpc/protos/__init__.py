"""The messages of the gRPC services: .proto files, and the classes `make protos` writes of them."""
