"""The worker: handlers of jobs and the loop that claims them."""
