"""One module per Klaviyo resource; reached through the attributes of ``Klaviyo``."""
