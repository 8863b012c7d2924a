"""Runs a command and exits with 0 exactly when the command's exit code is the given one.

usage: exits.py CODE COMMAND ARGUMENT...
"""
import subprocess
import sys

code = subprocess.run(sys.argv[2:], timeout=120).returncode
if code != int(sys.argv[1]):
    sys.exit(f"expected exit code {sys.argv[1]}, found {code}: {' '.join(sys.argv[2:])}")
