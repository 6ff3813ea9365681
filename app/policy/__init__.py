"""Who may see or change what: callers, agreements, the one gate. Pure: no I/O."""
