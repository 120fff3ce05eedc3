"""Bytes at rest: atomic files, quarantine, derived files and the journal; knows no database."""
