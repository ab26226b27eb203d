"""A model-agnostic explainer for audio: which instruments, which moments made the model say so."""
