"""How the product sits in pytest; the only package that knows pytest, besides ``testing``."""
