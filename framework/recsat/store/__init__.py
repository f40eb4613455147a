"""Qdrant behind one interface: embedded, in memory, server or cluster."""
