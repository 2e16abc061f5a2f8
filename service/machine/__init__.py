"""What the machine offers: devices, cores, memory, processes, timers."""
