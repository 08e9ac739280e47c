"""What pyproject.toml cannot say: the experiments of configs/ become qvunet/experiments/ in a wheel."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["qvunet", "qvunet.*", "backends", "backends.*"]), "qvunet.experiments"],
    package_dir={"qvunet.experiments": "configs"},
)
