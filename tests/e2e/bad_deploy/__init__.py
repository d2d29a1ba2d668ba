"""The four services, of which metrics has a bug until somebody mends it: it refuses every post about an invoice."""
