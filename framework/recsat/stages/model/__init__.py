"""What outlives a run: the arm that leads, fitted on everything known, in a folder that makes lists by itself."""
