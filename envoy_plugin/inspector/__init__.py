"""What `envoy-plugin dev` shows of a plugin: every webhook that reached it, both sides, and what became of it.

It stands in front of the plugin, in another process, so that it works the same while the plugin starts again or is
broken. Nothing of it is part of a plugin that is served by `web`, `worker` or `run`.
"""
