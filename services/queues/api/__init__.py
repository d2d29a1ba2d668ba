"""HTTP of the queues service: queues, items, their stream, commands and the page."""
