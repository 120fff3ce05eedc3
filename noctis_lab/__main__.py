"""`python -m noctis_lab`: the same as the `noctis` command."""

from noctis_lab.cli import main

if __name__ == "__main__":
    main()
