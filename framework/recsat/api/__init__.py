"""The library from Python: data in, a run, its results as tables, and a model that makes lists. Thin over the rooms that do the work."""
