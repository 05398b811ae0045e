"""Sphinx's settings for the course; `python -m docs.site` lays out the pages and starts it."""

project = "Quantization workbench"
extensions = ["myst_nb", "docs.site.mathml", "docs.site.search"]
html_theme = "furo"
html_title = project
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_show_sphinx = False
html_math_renderer = "mathml"
html_search_language = "en"
html_static_path = ["static"]
html_css_files = ["course.css"]

myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4

nb_execution_mode = "off"
# The widgets' own scripts would come from a CDN, and have no kernel to talk to: what a view shows as HTML stands for it.
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
nb_mime_priority_overrides = [
    ("html", "application/vnd.jupyter.widget-view+json", None),
    ("html", "application/javascript", None),
]
nb_merge_streams = True
suppress_warnings = ["mystnb.unknown_mime_type"]
