"""What the metrics service decides, without I/O: rows, kinds, definitions and queries."""
