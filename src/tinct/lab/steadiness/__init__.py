"""How steady the colors of films are."""
