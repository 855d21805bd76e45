"""How steadfast the client is when one request in eight goes wrong: nothing lost, doubled, or kept back."""
