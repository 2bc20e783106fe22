"""Values, states and rules of the business. Imports nothing of ours."""
