"""Gives every post a department, an intent and a sentiment, each with a probability, by one model version."""
