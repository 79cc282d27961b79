"""What results mean: one analysis for the command line, notebooks and the web interface, on columns of NumPy.

    columns ──► where (a query as a mask) ──► aggregate, compare, importance, explain ──► pictures ──► terminal, figures

Nothing here asks a daemon or draws on a screen by itself. docs/statistics.md has the formulas and their sources.
"""
