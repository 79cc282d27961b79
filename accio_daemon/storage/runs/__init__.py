"""Runs, their workflows, what happened to them: as they are found, listed and explained."""
