"""The subcommands of ``masa``, a module each; see :mod:`masa.cli`."""
