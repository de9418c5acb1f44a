"""`leo demo`: the whole journey, from customers to outcomes, on real servers in miniature."""
