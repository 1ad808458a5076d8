"""The commands of ``tinct lab``, one module each, thin over what does the work."""
