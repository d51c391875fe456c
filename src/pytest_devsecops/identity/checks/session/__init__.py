"""How sessions begin, end and expire, and what is in their cookies."""
