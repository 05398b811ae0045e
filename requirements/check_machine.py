"""Say in one line why the locked packages cannot be installed here, before anything is downloaded."""

import ctypes
import importlib.util
import platform
import sys
import sysconfig

if sys.version_info[:2] != (3, 11):
    sys.exit(f"The lock is for Python 3.11, not {platform.python_version()}: use make PYTHON=/path/to/python3.11")
if sysconfig.get_platform() != "linux-x86_64" or platform.libc_ver()[0] != "glibc":
    sys.exit(f"The lock is for x86-64 Linux with glibc, not {platform.platform()}")
if importlib.util.find_spec("ensurepip") is None:
    sys.exit("This Python cannot make virtual environments: apt-get install python3.11-venv")
try:
    # Paddle's wheel leaves it to the system.
    ctypes.CDLL("libgomp.so.1")
except OSError:
    sys.exit("libgomp.so.1, which Paddle needs, is missing: apt-get install libgomp1")
