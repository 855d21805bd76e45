"""One module per resource: read the request, call the state, write the document."""
