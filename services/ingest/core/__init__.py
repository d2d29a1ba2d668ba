"""What ingest decides, without I/O: what an input says, whom it concerns, what is wrong with it."""
