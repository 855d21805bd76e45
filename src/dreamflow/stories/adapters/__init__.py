"""Where stories are kept, where their words come from."""
