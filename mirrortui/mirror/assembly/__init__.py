"""From devices that hold a mirror to a running one: what is on them, who is believed, what must be copied."""
