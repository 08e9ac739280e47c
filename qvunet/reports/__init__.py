"""Studies that end in a page: benchmarks, circuits on chips, shot noise, tables of networks, prices.

Each has a folder; `page` turns their Markdown into one HTML file. `scripts/` calls them.
"""
