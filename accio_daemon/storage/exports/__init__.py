"""Values of many children at once, column by column."""
