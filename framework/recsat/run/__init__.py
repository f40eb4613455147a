"""The stages of a run over one folder: prepare, embed, index, recommend, evaluate, report."""
