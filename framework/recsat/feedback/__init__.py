"""What users did after a run: an append-only log in home, which changes their next lists at once."""
