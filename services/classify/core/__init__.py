"""What classify decides: pure functions and values, no I/O, no clock, no model library."""
