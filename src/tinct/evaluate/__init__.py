"""How good colours are: metrics, comparisons, and what they are compared with."""
