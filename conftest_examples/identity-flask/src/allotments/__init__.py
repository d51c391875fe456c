"""An allotment society: members, plots, a committee."""
