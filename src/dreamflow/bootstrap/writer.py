"""Who writes the stories, and from what."""

from dreamflow.stories import Content, Writer
from dreamflow.stories.adapters.packs import PackLibrary
from dreamflow.stories.adapters.writers.offline import OfflineWriter


def offline_writer() -> tuple[Writer, Content]:
    """The default writer and what it tells about."""
    packs = PackLibrary()
    return OfflineWriter(packs), packs
