"""What scripts/benchmark.py measures: systems, the processes they run in, suites, reports."""
