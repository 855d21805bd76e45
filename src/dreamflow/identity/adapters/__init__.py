"""Where keys really come from: the network, a file."""
