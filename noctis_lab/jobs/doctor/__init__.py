"""Whether this installation is well: checks that only read, each giving findings with remedies."""

from noctis_lab.jobs.doctor.examination import Depth, examine
from noctis_lab.jobs.doctor.findings import Finding, State, worst

__all__ = ["Depth", "Finding", "State", "examine", "worst"]
