"""Films in color."""
