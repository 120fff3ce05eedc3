"""Calibration as the worker and everybody else does it: series checked, phantoms analysed, kept."""
