"""Taking a deployed model away: files and a short program that need no workbench."""
