"""Importers of music and listening histories, one file per outside source."""
