"""One file per check, with the part of the policy that it reads; each is a pure function."""
