"""What the command-line tools do once their arguments are read."""
