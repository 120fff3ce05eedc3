"""HU calibration of CT: recognising phantoms, measuring them, checks of arrivals, charts."""
