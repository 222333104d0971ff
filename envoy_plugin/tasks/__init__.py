"""Tasks of the plugin's own: how they are enqueued, in which lane, and when by themselves."""
