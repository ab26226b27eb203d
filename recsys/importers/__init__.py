"""One file per outside source of tracks or listening histories."""
