"""Tables and their schemas, reading, splitting."""
