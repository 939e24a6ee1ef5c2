"""How devices become members: a new mirror, or one around data that is there already."""
