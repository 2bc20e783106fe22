"""VeraCore's SOAP service, both faces (docs/wire.md)."""
