"""Archives: millions of photographs and thousands of films, each with its own fate."""
