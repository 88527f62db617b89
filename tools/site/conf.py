"""How Sphinx makes the site of what `tools/site` has prepared."""

from configparser import ConfigParser
from importlib.metadata import files
from pathlib import Path

HERE = Path(__file__).parent
_facts = ConfigParser(delimiters=["="])
_facts.read(HERE.parents[1] / "settings.ini", encoding="utf-8")
_facts = _facts["DEFAULT"]

project = html_title = _facts["title"]
author = _facts["author"]
copyright = _facts["copyright"]
release = _facts["version"]
language = "en"

extensions = ["myst_nb"]
nb_execution_mode = "off"
nb_render_markdown_format = "myst"
myst_enable_extensions = ["dollarmath", "amsmath", "attrs_inline"]
myst_heading_anchors = 4
add_module_names = False
pygments_style = "tango"
myst_heading_slug_func = "glossary.anchor"

html_theme = "sphinx_book_theme"
_mathjax = "sphinx-mathjax-offline/static/mathjax/tex-svg-full.js"
_mathjax = next(f for f in files("sphinx-mathjax-offline") if f.as_posix() == _mathjax).locate()
html_static_path = [str(HERE / "static"), str(_mathjax)]
html_css_files = ["house.css"]
html_js_files = [("house.js", {"priority": 450})]  # before the search reads its settings
mathjax_path = "tex-svg-full.js"
html_copy_source = True
html_show_sourcelink = False
html_last_updated_fmt = None
html_theme_options = {
    "repository_url": _facts["git_url"],
    "repository_branch": _facts["branch"],
    "path_to_docs": _facts["nbs_path"],
    "use_repository_button": True,
    "use_download_button": True,
    "launch_buttons": {"colab_url": "https://colab.research.google.com"},
    "navbar_persistent": [],  # the search is in the sidebar
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "home_page_in_toc": True,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_context = {"default_mode": "auto"}
suppress_warnings = ["myst.strikethrough"]
