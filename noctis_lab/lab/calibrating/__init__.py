"""Calibration in one's hands: volumes and series analysed, records read and made."""
