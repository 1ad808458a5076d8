"""How far colors are from the truth, what a network costs, and how long it takes."""
