"""Training a network on photographs, and making a model file of it; needs the extra ``train``."""
