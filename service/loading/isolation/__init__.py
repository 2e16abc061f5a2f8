"""Models that run in child processes, so that unloading frees their memory."""
