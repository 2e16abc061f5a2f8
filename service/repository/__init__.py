"""Which models there are: versions, leases, traffic, canaries, eviction."""
