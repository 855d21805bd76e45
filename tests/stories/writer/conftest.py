import pytest

from dreamflow.stories.adapters.packs import PackLibrary
from dreamflow.stories.adapters.writers.offline import OfflineWriter
from dreamflow.stories.rules.pack import Pack


@pytest.fixture(scope="session")
def library() -> PackLibrary:
    return PackLibrary()


@pytest.fixture(scope="session")
def pack(library: PackLibrary) -> Pack:
    return library.pack("en")


@pytest.fixture(scope="session")
def writer(library: PackLibrary) -> OfflineWriter:
    return OfflineWriter(library)
