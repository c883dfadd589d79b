"""Tillkeeper: captured money becomes goods delivered once and books that balance."""
