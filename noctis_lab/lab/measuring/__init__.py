"""Measurements of an archive: computed anew from its pixels, kept, listed, given as tables."""
