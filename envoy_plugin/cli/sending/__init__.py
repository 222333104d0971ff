"""Webhooks from a terminal: built, signed, sent, and what became of them."""
