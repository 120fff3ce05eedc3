"""A public kit for tests of archives and viewers; imported by no product code.

`LoopbackSender` pushes data sets to a receiver over a real association and returns the status of
each. `noctis_lab.testing.strategies` has Hypothesis strategies for UIDs, planes, pixel layouts,
data sets and CT series; it needs `hypothesis`, which this package does not install.
Instances to send come from `noctis_lab.synthetic`.
"""

from noctis_lab.testing.sender import LoopbackSender, StoreStatus

__all__ = ["LoopbackSender", "StoreStatus"]
