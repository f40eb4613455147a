"""Accuracy, diversity, satisfaction, intervals and tests."""
