"""A local Envoy: the platform's API, the webhooks it sends, and its dashboard's view of a job.

It stays an outsider: nothing here knows the engine or the framework, so what works against it works by the wire alone.
"""
