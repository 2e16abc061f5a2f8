"""Serves exports over HTTP and gRPC; never imports `training`."""
