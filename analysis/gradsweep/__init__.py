"""Analysis of gradsweep's results: exploding and vanishing gradients in recurrent networks."""
