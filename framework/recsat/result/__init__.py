"""The one result object: what measuring makes and the report draws."""
