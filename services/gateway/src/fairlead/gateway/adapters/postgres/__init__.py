"""PostgreSQL: the mirror, the accounts, the operations. The gateway alone owns the schema `fairlead`."""
