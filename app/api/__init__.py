"""The REST door: from HTTP to an errand and back. Nothing is decided here."""
