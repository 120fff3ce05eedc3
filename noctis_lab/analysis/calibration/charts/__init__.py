"""Control charts of phantom scans: baselines, limits, alarms, run lengths, comparisons."""
