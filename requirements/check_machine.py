"""Say in one line why the packages cannot be installed here, before anything is downloaded.

Arguments are libraries that must be there besides what Paddle's wheel leaves to the system.
"""

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
DEBIAN = {"libgomp.so.1": "libgomp1", "libGL.so.1": "libgl1", "libgthread-2.0.so.0": "libglib2.0-0"}
for library in ("libgomp.so.1", *sys.argv[1:]):
    try:
        ctypes.CDLL(library)
    except OSError:
        sys.exit(
            f"{library}, which {'Paddle' if 'gomp' in library else 'OpenCV'} needs, is missing: apt-get install {DEBIAN[library]}"
        )
