"""What the pages are made of that others wrote."""
