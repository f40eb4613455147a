"""The arms: popularity, neighbours, EASE, iALS, text."""
