"""What any room may use and what knows none: files, figures, progress bars, random streams, Ctrl-C."""
