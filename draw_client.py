"""The door to drawing from nothing; see ``python draw_client.py --help``."""

from codes.cli.draw import main

if __name__ == "__main__":
    main(prog_name="draw_client.py")
