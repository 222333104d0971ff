"""Envoy's webhooks, from the door to the answer."""
