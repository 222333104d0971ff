"""The engine: durable jobs in Redis, one state machine. It knows nothing of Envoy or HTTP."""
