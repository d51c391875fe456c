"""One file per check, one folder per theme; the mix-ins beside them offer the checks on the fixture."""
