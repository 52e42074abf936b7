"""Whether a fast way of making images is as exact as the slow one."""
