"""The Titan jobs API, 0.2.5: pull-workers in any language take jobs over plain HTTP."""
