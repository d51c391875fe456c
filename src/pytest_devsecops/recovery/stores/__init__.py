"""The stores, one file or package each."""
