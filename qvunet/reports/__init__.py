"""Studies that end in a page: benchmarks, circuits on chips, shot noise, tables of networks, prices.

Each has a folder; `page` turns their Markdown into one HTML file. Each has a module `command`, which
`qvunet report NAME` calls, and `scripts/` through it.
"""
