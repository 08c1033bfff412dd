"""The subcommands of ``masa convert``, a module each."""
