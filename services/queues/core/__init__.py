"""Pure rules of the queues service: folding activities, filters, positions and commands; no I/O, no clock."""
