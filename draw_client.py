"""Draw from nothing; see ``python draw_client.py --help``."""

from codes.cli.main import draw_client

if __name__ == "__main__":
    draw_client(prog_name="draw_client.py")
