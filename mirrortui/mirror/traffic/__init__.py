"""Clients' reads, writes and flushes, and members that are slow at them."""
