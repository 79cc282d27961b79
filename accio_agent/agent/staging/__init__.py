"""Inputs and outputs by digest: fetched, written out for operators, delivered to the store."""
