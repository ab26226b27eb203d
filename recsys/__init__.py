"""Audio and listening history in, one relevance model per listener out."""

from lemons_processes import before_imports

before_imports(__name__)
