"""What requests mean, by subject. Each class holds the routes of one, and `routes` lists them."""
