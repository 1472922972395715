"""A form with its token against cross-site requests."""

import os

from flask import Flask, flash, get_flashed_messages, redirect, render_template_string, url_for
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import DataRequired

app = Flask(__name__)
app.secret_key = os.environ.get("SECRET_KEY", "only for the tests")

PAGE = """
{% for message in get_flashed_messages() %}<p>{{ message }}</p>{% endfor %}
<form method="post" action="{{ url_for('index') }}">{{ form.hidden_tag() }}{{ form.name }}</form>
{{ form.errors }}
"""


class NameForm(FlaskForm):
    name = StringField(validators=[DataRequired()])


@app.route("/", methods=["GET", "POST"])
def index():
    form = NameForm()
    if form.validate_on_submit():
        flash(f"Thank you, {form.name.data}")
        return redirect(url_for("index"))
    return render_template_string(PAGE, form=form, get_flashed_messages=get_flashed_messages)
