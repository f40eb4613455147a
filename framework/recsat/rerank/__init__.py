"""Rerankers: diversity, calibration, expected value, classification."""
