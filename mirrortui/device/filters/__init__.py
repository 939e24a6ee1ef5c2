"""Devices that stand before a device: they ship with the product, as its tests and its operators need them."""
