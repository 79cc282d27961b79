"""The operators that the cases name, as real operators; every body counts its executions (`ledger`)."""
