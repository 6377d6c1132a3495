"""Zou and Huang (2024): two-time mean-field theory of correlated couplings. Figures are named by what they show."""
