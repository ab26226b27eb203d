"""Models for other people: what a model is, as a page of text, and how to hand it out."""

from recsys.hub.card import card_page as card_page
