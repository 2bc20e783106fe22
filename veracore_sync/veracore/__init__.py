"""The warehouse: one port, two dialects (oms is SOAP, rest is JSON)."""
