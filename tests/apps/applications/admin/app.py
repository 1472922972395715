"""A login, and pages to change what is in a database."""

import os

from flask import Flask, abort, redirect, request
from flask_admin import Admin
from flask_admin.contrib.sqla import ModelView
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config["SECRET_KEY"] = os.environ.get("SECRET_KEY", "only for the tests")
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///shop.db"
db = SQLAlchemy(app)
login_manager = LoginManager(app)


class User(UserMixin, db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(80), unique=True, nullable=False)


@login_manager.user_loader
def load_user(number):
    return db.session.get(User, int(number))


class Guarded(ModelView):
    form_columns = ("name",)

    def is_accessible(self):
        return current_user.is_authenticated

    def inaccessible_callback(self, name, **kwargs):
        return redirect("/login")


Admin(app, name="Shop").add_view(Guarded(User, db))


@app.cli.command("create")
def create():
    db.create_all()
    db.session.add(User(name="ann"))
    db.session.commit()
    print("created")


@app.route("/login", methods=["GET", "POST"])
def login():
    if request.method == "GET":
        return "who are you?"
    user = db.session.execute(db.select(User).filter_by(name=request.form["name"])).scalar()
    login_user(user or abort(403))
    return redirect("/me")


@app.get("/me")
@login_required
def me():
    return current_user.name
