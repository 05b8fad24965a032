"""The facade, carried out: who answers a request, and how what is live and what is stored come together."""
