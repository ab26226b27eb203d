"""Music and listening histories of other people's making, one file per source."""
