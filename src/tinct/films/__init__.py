"""A film in a file: its frames with their times, its tracks, and the way back into a file."""
