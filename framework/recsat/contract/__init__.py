"""All that a plugin may touch: domain, dataset, arms, rerankers, hooks."""
