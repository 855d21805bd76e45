"""How near to Klaviyo's rate limits the client comes, and how seldom it meets them."""
