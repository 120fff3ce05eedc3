"""Series as xarray volumes in patient millimetres and modality units. Lowest home of xarray."""
