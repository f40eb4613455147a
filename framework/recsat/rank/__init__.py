"""Candidates, filters, reranking on the device, reasons."""
