"""The SQL side of the queues service: schema, dialects, reading and writing."""
