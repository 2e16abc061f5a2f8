"""The uvicorn server: sockets, connections, the supervisor and its workers."""
