"""What is behind the command lines of ``tools/``."""
