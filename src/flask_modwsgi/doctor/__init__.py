"""Looks for what is wrong with this project and this machine, before or after it goes wrong.

At import it needs the standard library alone, because ``.venv`` may be what is broken.
"""
