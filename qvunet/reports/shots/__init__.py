"""What `qvunet report shots` measures, one idea a file, and how it reports."""
