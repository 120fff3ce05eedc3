"""Bytes at rest: atomic put, quarantine, journal, derived files. Knows no database."""
