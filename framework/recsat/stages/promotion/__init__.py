"""Which model of a domain is served, on what evidence, and how it is taken back."""
