"""The door to finishing sketches; see ``python predict_client.py --help``."""

from codes.cli.predict import main

if __name__ == "__main__":
    main(prog_name="predict_client.py")
