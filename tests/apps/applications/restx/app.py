"""A JSON API with its Swagger UI at the root."""

from flask import Flask
from flask_restx import Api, Resource, fields

app = Flask(__name__)
api = Api(app, title="To do")
todo = api.model("Todo", {"task": fields.String(required=True)})
todos = [{"task": "serve it"}]


@api.route("/todos")
class Todos(Resource):
    @api.marshal_list_with(todo)
    def get(self):
        return todos

    @api.expect(todo, validate=True)
    def post(self):
        return api.payload, 201
