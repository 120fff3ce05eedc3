"""Phantoms and series as DICOM, made from numbers: for the demo, the tests and the docs."""
