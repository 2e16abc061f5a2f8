"""Many rows answered by one model without a server."""
