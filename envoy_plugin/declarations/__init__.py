"""The decorators: what they make of functions. What makes no sense fails when the decorator runs."""
