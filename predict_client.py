"""Recognise and finish sketches; see ``python predict_client.py --help``."""

from codes.cli.main import predict_client

if __name__ == "__main__":
    predict_client(prog_name="predict_client.py")
