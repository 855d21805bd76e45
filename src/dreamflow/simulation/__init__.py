"""Made-up lives through the product's own doors; everything they leave is marked as simulated."""
