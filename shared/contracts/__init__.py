"""The records services exchange, the topics they stand in, and their bytes."""
