"""The version, read from the installed distribution that carries this package."""

from importlib.metadata import PackageNotFoundError, version


def installed_version(*distributions: str) -> str:
    """The version of the first of ``distributions`` that is installed."""
    for distribution in distributions:
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    return "0+unknown"


# The package ships alone and inside a larger distribution; its own name wins.
__version__ = installed_version("aioklaviyo", "dreamflow")
