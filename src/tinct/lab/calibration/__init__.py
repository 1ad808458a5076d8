"""Choose how colors are read from a network, and measure how sure it is of them."""
