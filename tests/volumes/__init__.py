"""Tests of the volumes."""
