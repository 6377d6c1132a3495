"""Qiu and Huang (2025): the equilibrium measure of fixed points. Numbers of figures are those of the folders of its code."""
