"""Whether a provider that lies logs anybody in."""
