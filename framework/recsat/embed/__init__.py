"""Texts to vectors: encoders, batching, cache, centring.

Importing this package loads no torch; its modules do.
"""
