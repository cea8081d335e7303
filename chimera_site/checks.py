"""Start-up checks: what would make the site unsafe or useless is said before the first visitor comes."""
