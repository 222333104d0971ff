"""Workflows over the engine: templates, diagrams, and jobs whose steps are jobs. Knows nothing of HTTP or of Envoy."""
