"""Prepares data, builds the encoder, fits and measures the heads; offline only, never imported by the service."""
