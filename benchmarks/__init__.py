"""How fast tinct is, and how far one walks through its code. No part of the wheel."""
