"""`python -m quenched`: the same as the command `quenched`."""

from quenched.cli import main

if __name__ == "__main__":
    main()
