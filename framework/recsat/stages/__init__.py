"""The stages of a run: prepare, embed, index, recommend, evaluate, report; and lists served from a finished run."""
