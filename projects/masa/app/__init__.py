"""A page on the user's own machine, for whoever has no command line."""
