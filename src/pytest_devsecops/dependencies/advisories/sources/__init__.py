"""Where advisories come from: one file per format, joined in ``collect.py``."""
