"""Flask with prometheus-flask-exporter."""

import os

from flask import Flask, Response, abort, jsonify
from prometheus_flask_exporter import PrometheusMetrics

from tests.services.faults import ITEMS, fail_sometimes, pause

app = Flask(__name__)
PrometheusMetrics(app)


@app.get("/items")
def list_items() -> Response:
    """All items."""
    pause()
    return jsonify(ITEMS)


@app.get("/items/<int:item_id>")
def read_item(item_id: int) -> Response:
    """One item."""
    fail_sometimes()
    found = [item for item in ITEMS if item["id"] == item_id]
    if not found:
        abort(404)
    return jsonify(found[0])


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ["PORT"]))
