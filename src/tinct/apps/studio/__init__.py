"""The page that colors, on this machine: ``tinct studio``."""
