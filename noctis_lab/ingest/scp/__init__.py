"""The DICOM receiver: C-ECHO and C-STORE, everything stored as received."""

from noctis_lab.ingest.scp.serve import serve_scp

__all__ = ["serve_scp"]
