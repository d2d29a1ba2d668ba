"""Long proofs with real processes, run by `make soak`: each is a program that prints what it compared."""
