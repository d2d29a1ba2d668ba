"""Hears posts and reactions on every channel and hands them on as activities."""
