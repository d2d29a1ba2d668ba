"""Decisions of the launcher as pure functions: no I/O, no clock, no processes."""
