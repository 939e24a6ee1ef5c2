"""Every action of the screen, once by key and once by mouse, on a real engine wherever there can be one."""
