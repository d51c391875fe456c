"""What a page of another site can make a browser do."""
