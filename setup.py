"""Build script: every fact is in settings.ini."""

import re
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
config = ConfigParser(delimiters=["="])
config.read(HERE / "settings.ini", encoding="utf-8")
facts = config["DEFAULT"]
minor = [int(facts[f"{end}_python"].split(".")[1]) for end in ("min", "max")]


def needs(*names):
    "Requirements of the named groups of settings.ini."
    return [word for name in names for word in facts[f"{name}_requirements"].split()]


def on_the_web(text):
    "The README with links that work outside of the repository."
    pages, files = (f"{facts['git_url']}/{kind}/{facts['branch']}/" for kind in ("blob", "raw"))
    text = re.sub(r"(!\[[^\]]*\]\()(?!https?:|#|data:)", rf"\g<1>{files}", text)
    return re.sub(r"((?<!!)\[[^\]]*\]\()(?!https?:|#|data:)", rf"\g<1>{pages}", text)


extras = {name: needs("tools", "keras", name) for name in ("tensorflow", "jax", "torch")}
extras |= {name: needs(name) for name in ("tools", "export", "notebooks")}
extras["all"] = extras["tensorflow"] + extras["export"] + extras["notebooks"]
extras["dev"] = extras["all"] + needs("jax", "site", "dev")

setup(
    name=facts["lib_name"],
    version=facts["version"],
    description=facts["description"],
    long_description=on_the_web((HERE / "README.md").read_text(encoding="utf-8")),
    long_description_content_type="text/markdown",
    keywords=facts["keywords"].split(),
    author=facts["author"],
    author_email=facts["author_email"],
    url=f"{facts['doc_host']}{facts['doc_baseurl']}",
    project_urls={
        "Course": f"{facts['doc_host']}{facts['doc_baseurl']}",
        "Source": facts["git_url"],
        "Changes": f"{facts['git_url']}/blob/{facts['branch']}/CHANGELOG.md",
        "Issues": f"{facts['git_url']}/issues",
    },
    license="Apache-2.0",
    license_files=["LICENSE"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Education",
        "Natural Language :: English",
        *(f"Programming Language :: Python :: 3.{m}" for m in range(minor[0], minor[1] + 1)),
    ],
    packages=find_packages(include=["glyphnb", "glyphnb.*"]),
    package_data={"glyphnb": ["static/*", "*.pyi", "py.typed"]},
    python_requires=f">=3.{minor[0]},<3.{minor[1] + 1}",
    install_requires=facts["requirements"].split(),
    extras_require=extras,
    entry_points={"console_scripts": facts["console_scripts"].split()},
    zip_safe=False,
)
