"""`python -m qvunet` is the console script `qvunet`."""

from qvunet.cli import main

if __name__ == "__main__":
    main()
