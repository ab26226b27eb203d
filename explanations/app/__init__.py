"""The parts that the page of the demo app, `explanations/lemons.py`, is made of."""
