"""Dashboards that `panel serve` opens: each stands on `views` and `lab` alone."""
