"""A model as an HTTP service: lists, events that change the next list at once, and why an item is or is not in a list."""
