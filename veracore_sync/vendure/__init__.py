"""The shop: Vendure's Admin GraphQL API."""
