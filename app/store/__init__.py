"""The truth: append-only rows in a relational database. The only room that knows SQL."""
