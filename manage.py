#!/usr/bin/env python
"""Django's command line for Chimera."""

import os
import sys

from django.core.management import execute_from_command_line

from chimera_site import __version__

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chimera_site.settings")
    if sys.argv[1:] == ["version"]:  # Django answers with its own
        sys.stdout.write(f"{__version__}\n")
    else:
        execute_from_command_line(sys.argv)
