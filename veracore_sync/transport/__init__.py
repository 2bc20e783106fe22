"""The HTTP client, its deadlines, retries, circuit breaker and rate budget."""
