"""What `qvunet report benchmark` measures: systems, the processes they run in, suites, reports."""
