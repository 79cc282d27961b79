"""What people see of the World: computed from it on demand; no decision asks any of it."""
