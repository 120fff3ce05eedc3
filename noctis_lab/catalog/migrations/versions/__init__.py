"""One file a migration; the names begin with the revision."""
