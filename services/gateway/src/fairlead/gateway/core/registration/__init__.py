"""Accounts in Clouddriver: what is said there of an account, what is to be done next, and when an account is given up."""
