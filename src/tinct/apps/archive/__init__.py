"""Archives of photographs: millions of them, on one machine or on many, each with its own fate."""
