"""Measures servers side by side on a host, and writes what came out; ./asgiway compare starts it."""
