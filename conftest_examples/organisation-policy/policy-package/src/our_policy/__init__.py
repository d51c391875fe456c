"""The organisation's policy; `devsecops.toml` beside this file is what projects extend."""
