"""A Jinja extension that tells the hooks where the template is checked out.

cookiecutter and cruft render the text of a hook with the checkout as working directory, and run it
in the new project. `cruft update` keeps the module of the first of two versions it renders, so what
this defines must not change.
"""

import os

from jinja2 import Environment
from jinja2.ext import Extension


class TemplateCheckout(Extension):
    """Defines the function ``template_checkout``."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals["template_checkout"] = os.getcwd
