"""A page that asks the server for what it shows."""

from dash import Dash, Input, Output, dcc, html

dash = Dash(__name__)
app = dash.server
dash.layout = html.Div([dcc.Input(id="name", value="Ann"), html.P(id="greeting")])


@dash.callback(Output("greeting", "children"), Input("name", "value"))
def greet(name):
    return f"Hello from the callback, {name}"
