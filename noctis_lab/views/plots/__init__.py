"""Plots that are linked to a view: histogram, profile, curve along time, echoes or b-values."""
