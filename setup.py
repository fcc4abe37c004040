"""What pyproject.toml cannot say: the bundles of ``examples/models`` are installed as ``codes/bundles``."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["codes", "codes.*"]), "codes.bundles"],
    package_dir={"codes.bundles": "examples/models"},
)
