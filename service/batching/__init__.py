"""Dynamic batching: requests that come together share a run."""
