"""From scores to lists: filters, candidates, requests, fallbacks, reasons."""
