"""The course as static HTML: `python -m docs.site`."""
