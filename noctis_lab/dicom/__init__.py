"""DICOM as typed values: the ground everything stands on, and the home of pydicom."""
