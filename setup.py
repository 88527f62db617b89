"""Build script: every fact is in settings.ini."""

from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
config = ConfigParser(delimiters=["="])
config.read(HERE / "settings.ini", encoding="utf-8")
facts = config["DEFAULT"]
minor = [int(facts[f"{end}_python"].split(".")[1]) for end in ("min", "max")]

setup(
    name=facts["lib_name"],
    version=facts["version"],
    description=facts["description"],
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    keywords=facts["keywords"].split(),
    author=facts["author"],
    author_email=facts["author_email"],
    url=facts["git_url"],
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
    extras_require={"dev": facts["dev_requirements"].split()},
    entry_points={"console_scripts": facts["console_scripts"].split()},
    zip_safe=False,
)
