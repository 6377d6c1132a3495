"""What moves: a flow dx/dt = F(x) or a map x -> S(x), of a network, a trained cell, or a function of the user's own."""
