"""audiolime around each listener's model, and the demo app."""
