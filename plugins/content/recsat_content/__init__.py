"""The content domain: movies, tracks and articles."""
