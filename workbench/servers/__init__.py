"""The two local web servers, `python -m workbench.servers.lab` and `python -m workbench.servers.app`: this machine only, with a token."""
