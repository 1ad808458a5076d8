"""A server that colors photographs for other programs."""
