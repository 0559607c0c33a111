"""Plans, gathers, judges. No framework, no I/O of its own: everything outside comes through ports."""
