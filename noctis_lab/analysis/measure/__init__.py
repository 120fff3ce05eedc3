"""Measurements on one plane: points and values to figures, the same digits as the viewer's."""
