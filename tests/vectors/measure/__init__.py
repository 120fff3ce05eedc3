"""Test vectors of measuring, which the viewer's client and Python share; see README.md."""
