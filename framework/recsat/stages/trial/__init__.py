"""One trial of an arm: what is known, who is served, tuning, reranking, curves."""
