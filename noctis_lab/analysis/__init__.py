"""DataArray to numbers: ROI statistics, measurements, algorithms. No catalogue, no screen."""
