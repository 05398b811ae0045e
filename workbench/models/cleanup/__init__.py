"""Exact rewrites of a Paddle program before anything is made of it: one file per rewrite."""
