#!/usr/bin/env python
"""The command line of lineportal."""

import os
import sys

from django.core.management import execute_from_command_line

from lineportal.env import WrongSetting
from lineportal.postgres import DatabaseDidNotStart

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lineportal.settings")
    try:
        execute_from_command_line(sys.argv)
    except (WrongSetting, DatabaseDidNotStart) as refusal:
        sys.exit(str(refusal))
