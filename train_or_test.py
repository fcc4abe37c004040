"""Train and test; see ``python train_or_test.py --help``."""

from codes.cli.main import train_or_test

if __name__ == "__main__":
    train_or_test(prog_name="train_or_test.py")
