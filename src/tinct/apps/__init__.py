"""The programs: what a user runs."""
