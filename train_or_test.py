"""The door to training and testing; see ``python train_or_test.py --help``."""

from codes.cli.train_or_test import main

if __name__ == "__main__":
    main(prog_name="train_or_test.py")
