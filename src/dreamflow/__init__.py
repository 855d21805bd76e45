"""Dream Flow: personalised bedtime stories."""
