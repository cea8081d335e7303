"""Thin: find the seat, check the form, call the action, answer in the page's terms."""
