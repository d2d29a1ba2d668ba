"""One file per kind of source; port.py says what they have in common."""
