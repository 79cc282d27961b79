"""Where time went, and how long what is ahead may take."""
