"""Audio and listening history in, one relevance model per listener out."""

from lemons_processes import interruptible

interruptible(__name__)
