"""How good colors are: metrics, comparisons, and what they are compared with."""
