"""For outsiders' tests: strategies and a loopback sender. Imported by no product code."""
