"""Everything that the page of the demo app is made of, but for the page itself."""
