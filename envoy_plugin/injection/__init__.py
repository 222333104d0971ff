"""What functions are given: found by the types of their parameters, checked at import."""
