"""The facade, decided: what a request is about, who answers it, and how answers are written."""
