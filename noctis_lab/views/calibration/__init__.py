"""The pages of HU calibration: a fleet, one scanner, one scan, two scanners compared."""
