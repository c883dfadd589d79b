"""Background in."""
