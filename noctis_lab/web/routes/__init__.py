"""The API's routes, one file per subject; each takes the archive from the application's state."""
