"""Diagrams as pictures, with the state of each step, if wanted."""
