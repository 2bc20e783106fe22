"""A VeraCore simulator and a small Vendure shop, on real sockets, with fault switches."""
