"""Photographs in color."""
