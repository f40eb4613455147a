"""What plugin authors test their domain with."""
