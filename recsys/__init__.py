"""Audio and listening history in, one relevance model per listener out."""
