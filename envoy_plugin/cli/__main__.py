"""`python -m envoy_plugin.cli`, the same as `envoy-plugin`."""

from envoy_plugin.cli import main

main()
