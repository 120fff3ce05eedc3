"""The one way in: everything that brings DICOM into the archive. The only home of pynetdicom."""
