"""Bytes to rows and rows to bytes, one file a format; and the choice of rows, their order and their pages."""
