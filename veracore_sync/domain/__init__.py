"""Pure values and rules: what orders, stock and shipments are, whoever tells of them."""
