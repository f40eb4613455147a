"""The game domain: games, in-game items and the people one plays with."""
