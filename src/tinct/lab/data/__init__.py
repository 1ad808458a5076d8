"""Photographs to train and evaluate on: where they lie, how they are decoded, worn and cut."""
