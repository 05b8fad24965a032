"""One connection to an agent: its two lanes in, its two lanes out."""
