"""How far an image moves by itself: what rounding explains, derived or calibrated."""
