"""The four services. They meet only in Kafka topics and HTTP; none imports another."""
