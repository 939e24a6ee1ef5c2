"""Comparing the copies, and settling what differs."""
