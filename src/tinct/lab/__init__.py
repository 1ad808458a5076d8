"""The laboratory: what a researcher runs. The only room that may import torch."""
