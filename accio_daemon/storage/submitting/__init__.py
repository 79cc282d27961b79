"""What a submission needs of the past, and what it would do."""
