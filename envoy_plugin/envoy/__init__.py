"""What Envoy's platform is: its signatures, events, jobs, API, tokens and config. Knows nothing of the engine."""
