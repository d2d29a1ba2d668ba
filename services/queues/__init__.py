"""Queues: turns classified posts into items that support teams watch, claim and resolve."""
