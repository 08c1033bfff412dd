"""What is not about alignment.

Safe files and checkpoints, endings of command-line tools, checks of arguments
and configs, and repairs of upstream packages.
"""
