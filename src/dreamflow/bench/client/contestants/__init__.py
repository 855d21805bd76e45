"""Who is measured beside whom: each in a process of its own, doing as it is told over its standard input."""
