"""The commands of ``tinct``, one module each, thin over what does the work."""
