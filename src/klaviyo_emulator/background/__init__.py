"""What happens without a request: jobs that complete, campaigns that are sent, flows that act, webhooks."""
