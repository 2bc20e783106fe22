"""How bytes travel: the HTTP client, retries, circuit breaker, rate budget."""
