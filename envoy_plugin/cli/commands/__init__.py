"""The commands: a module for each, whose `app` is a typer application."""
