"""Models behind the Scorer port; none knows Kafka, settings or HTTP. Serving needs no torch, no scikit-learn."""
