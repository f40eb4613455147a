"""What recsat brings itself, by name: hooks, encoders, arms, rerankers, tracking."""
