"""`python -m tillkeeper`, which is what ./till runs."""

from tillkeeper.cli import main

if __name__ == "__main__":
    main.run()
