"""One result object to HTML page, Markdown and JSON."""
