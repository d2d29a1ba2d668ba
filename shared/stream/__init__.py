"""From Kafka to a durable effect and back: batching, retry, the one loop and the one door to Kafka."""
