"""The sequence arm: a causal transformer over the history in order of time."""
