"""Text to vectors: encoders, batching, cache."""
